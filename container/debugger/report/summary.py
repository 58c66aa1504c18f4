"""The first lines of a report: how many rules found issues, and what to do first."""

from collections.abc import Sequence

from container.debugger.report.collect import Content
from container.debugger.verdict import ERROR, ISSUES, NO_ISSUES, NOT_EVALUATED, Verdict

# What spoils a model comes before what wastes time, and a cause before what follows from it. Others come after these.
URGENCY = (
    "ExplodingTensor",
    "AllZero",
    "CheckInputImages",
    "PoorWeightInitialization",
    "VanishingGradient",
    "WeightUpdateRatio",
    "DeadRelu",
    "SaturatedActivation",
    "UnchangedTensor",
    "TensorVariance",
    "LossNotDecreasing",
    "StalledTraining",
    "ClassImbalance",
    "Overfit",
    "Overtraining",
    "Confusion",
    "SimilarAcrossRuns",
    "GPUMemoryIncrease",
    "IOBottleneck",
    "Dataloader",
    "CPUBottleneck",
    "LowGPUUtilization",
    "BatchSize",
    "LoadBalancing",
    "StepOutlier",
    "MaxInitializationTime",
)
ORDER = (ISSUES, ERROR, NO_ISSUES, NOT_EVALUATED)
WORDS = {ISSUES: "issues found", ERROR: "failed", NO_ISSUES: "no issues", NOT_EVALUATED: "not evaluated"}


def ranked(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Issues first, the most urgent of them at the top; then rules that failed, found nothing, or saw no data."""
    return sorted(verdicts, key=_rank)


def _rank(verdict: Verdict) -> tuple[int, int, str]:
    status = ORDER.index(verdict.status) if verdict.status in ORDER else len(ORDER)
    urgency = URGENCY.index(verdict.rule) if verdict.rule in URGENCY else len(URGENCY)
    return status, urgency, verdict.rule


def headline(content: Content) -> tuple[str, str, str]:
    """(sentence, advice, tone) that open the report; the tone is good, bad or unknown."""
    verdicts = ranked(content.verdicts)
    counts = {status: sum(verdict.status == status for verdict in verdicts) for status in ORDER}
    judged = counts[ISSUES] + counts[NO_ISSUES]
    if not verdicts:
        return (
            "No rule has judged this run.",
            "Run the job with the hyperparameters debugger=true and rules=default.",
            "unknown",
        )
    if not judged:
        return f"None of {_rules(len(verdicts))} could be judged.", verdicts[0].message, "unknown"
    left = [
        f"{counts[ERROR]} failed" if counts[ERROR] else "",
        f"{counts[NOT_EVALUATED]} had too little to go by" if counts[NOT_EVALUATED] else "",
    ]
    rest = "; ".join(part for part in left if part)
    end = f" ({rest})." if rest else "."
    if not counts[ISSUES]:
        return f"{_rules(judged, 'No issues in ')}{end}", "", "good"
    found = f"{counts[ISSUES]} of {_rules(len(verdicts))} found issues{end}"
    first = verdicts[0]
    return found, first.advice or first.message, "bad"


def _rules(count: int, before: str = "") -> str:
    return f"{before}{count} rule{'s' if count != 1 else ''}"
