"""One job's judgement: what the judge looks at, says and writes."""

from pathlib import Path

from container import contract
from container.debugger.facts import read_facts
from container.debugger.judge.rule_choice import choose_rules
from container.debugger.judge.tensor_judge import TensorJudge
from container.debugger.profiler.config import read_profiler_config
from container.debugger.profiler.data import read_profiler_data
from container.debugger.profiler_rules.catalogue import judge_all
from container.debugger.report.collect import RunFolders
from container.debugger.report.write import write_report
from container.debugger.tensors.hook_config import tensors_dir
from container.debugger.verdict import ISSUES, Verdict, write_verdict
from container.settings import TrainSettings


class Session:
    def __init__(self, settings: TrainSettings) -> None:
        self._settings = settings
        self._choice = choose_rules(settings.hyperparameters.rules)
        config_dir = settings.base_dir / "input" / "config"
        self._profiler = read_profiler_config(config_dir / contract.PROFILER_CONFIG_FILE, settings.base_dir)
        self._folders = RunFolders.below(settings.base_dir)
        self._tensors_dir = tensors_dir(settings.base_dir)
        self._tensors = TensorJudge(self._tensors_dir, self._choice.tensor, len(settings.hosts))
        self._profile: list[Verdict] = []
        self._told: set[str] = set()

    @property
    def has_ended(self) -> bool:
        """Whether the launcher says that nothing more will be written."""
        return (self._tensors_dir / contract.END_OF_JOB_FILE).exists()

    def look(self) -> bool:
        """Judge new tensors, and say what was found; True if one of the rules that found something stops the job."""
        return self._tell([self._tensors.verdict(name) for name in self._tensors.look()])

    def scan(self) -> bool:
        """Judge the profile so far and write the report; True if a rule that found something stops the job."""
        data = read_profiler_data(self._profiler.folder)
        chosen = self._choice.profiler
        self._profile = judge_all(data, read_facts(self._profiler.folder), chosen, only=chosen)
        self._write()
        return self._tell([verdict for verdict in self._profile if verdict.status == ISSUES])

    def conclude(self) -> None:
        """The last word on every rule: a line each, which is a metric line too, a file each, and the report."""
        self._tensors.finish()
        # A short job may be over before anything was judged: where an issue lies is said all the same.
        self._tell([verdict for verdict in self._tensors.verdicts() if verdict.status == ISSUES])
        self.scan()
        verdicts = [*self._tensors.verdicts(), *self._profile]
        for verdict in verdicts:
            line = contract.rule_metric_line(verdict.rule, verdict.triggered)
            print(f"{line} ({verdict.status}): {verdict.message}", flush=True)
        found = [verdict for verdict in verdicts if verdict.status == ISSUES]
        print(f"Rules: {len(found)} of {len(verdicts)} found issues. Report: {self._report_path}", flush=True)

    @property
    def _report_path(self) -> Path:
        return self._settings.output_data_dir / contract.PROFILER_REPORT_DIR / contract.PROFILER_REPORT_FILE

    def _tell(self, verdicts: list[Verdict]) -> bool:
        stops = False
        for verdict in verdicts:
            if verdict.rule in self._told:
                continue
            self._told.add(verdict.rule)
            print(f"Rule {verdict.rule}: {verdict.status}{_where(verdict)}: {verdict.message}", flush=True)
            if verdict.rule in self._choice.stopping and verdict.status == ISSUES:
                print(f"Rule {verdict.rule} stops the job, as its parameter on_issue says.", flush=True)
                stops = True
        return stops

    def _write(self) -> None:
        output_dir = self._settings.output_data_dir
        for folder, verdicts in (
            (contract.RULES_DIR, self._tensors.verdicts()),
            (contract.PROFILER_RULES_DIR, self._profile),
        ):
            for verdict in verdicts:
                write_verdict(output_dir / folder, verdict)
        write_report(self._folders, self._report_path)


def _where(verdict: Verdict) -> str:
    if not verdict.issues or verdict.issues[0].step is None:
        return ""
    issue = verdict.issues[0]
    tensor = f", tensor {issue.tensor}" if issue.tensor else ""
    return f" at step {issue.mode_step} of {issue.mode}{tensor}" if issue.mode else f" at step {issue.step}{tensor}"
