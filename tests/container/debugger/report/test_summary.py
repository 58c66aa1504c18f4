from dataclasses import replace

from container.debugger.report.collect import Content
from container.debugger.report.summary import headline, ranked
from container.debugger.verdict import ERROR, ISSUES, NO_ISSUES, NOT_EVALUATED, TENSOR, Verdict
from tests.container.debugger.report.sample_run import verdicts


def verdict(rule: str, status: str, advice: str = "") -> Verdict:
    return Verdict(rule=rule, kind=TENSOR, status=status, message=f"{rule} speaks.", advice=advice)


def test_the_first_line_counts_the_issues_and_names_the_most_urgent_advice() -> None:
    sentence, advice, tone = headline(Content(verdicts=verdicts()))
    assert sentence == "2 of 4 rules found issues (1 had too little to go by)."
    assert advice == "Lower learning_rate, or start from pretrained weights."
    assert tone == "bad"


def test_a_model_that_is_broken_comes_before_time_that_is_wasted_and_unknown_rules() -> None:
    found = [verdict(name, ISSUES) for name in ("MyOwnRule", "StepOutlier", "ExplodingTensor")]
    found.append(verdict("VanishingGradient", NO_ISSUES))
    assert [each.rule for each in ranked(found)] == ["ExplodingTensor", "StepOutlier", "MyOwnRule", "VanishingGradient"]


def test_no_issues_is_only_said_of_rules_that_saw_data() -> None:
    judged = [verdict("DeadRelu", NO_ISSUES), verdict("Overfit", NOT_EVALUATED), verdict("Confusion", ERROR)]
    sentence, _, tone = headline(Content(verdicts=judged))
    assert (sentence, tone) == ("No issues in 1 rule (1 failed; 1 had too little to go by).", "good")
    sentence, advice, tone = headline(Content(verdicts=judged[1:2]))
    assert (sentence, tone) == ("None of 1 rule could be judged.", "unknown")
    assert advice == "Overfit speaks."


def test_a_run_without_verdicts_says_so() -> None:
    assert headline(Content())[0] == "No rule has judged this run."


def test_an_issue_without_advice_is_followed_by_what_was_found() -> None:
    assert headline(Content(verdicts=[replace(verdicts()[0], advice="")]))[1].startswith("Of layer1.relu")
