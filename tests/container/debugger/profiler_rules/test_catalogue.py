from dataclasses import fields

from container.debugger.profiler_rules.catalogue import PROFILER_RULES, judge_all
from container.debugger.verdict import ERROR, ISSUES, NOT_EVALUATED, PROFILER, Verdict
from tests.container.debugger.profiler_rules.made_profile import JOB, STARVED, MadeProfile, as_json, nothing


def by_rule(verdicts: list[Verdict]) -> dict[str, Verdict]:
    return {verdict.rule: verdict for verdict in verdicts}


def test_every_rule_of_the_platform_is_there_with_its_parameters() -> None:
    parameters = {name: {field.name for field in fields(rule)} for name, rule in PROFILER_RULES.items()}
    assert parameters["BatchSize"] == {
        "cpu_threshold_p95",
        "gpu_threshold_p95",
        "gpu_memory_threshold_p95",
        "patience",
        "window",
    }
    assert parameters["CPUBottleneck"] == {"threshold", "gpu_threshold", "cpu_threshold", "patience"}
    assert parameters["IOBottleneck"] == {"threshold", "gpu_threshold", "io_threshold", "patience"}
    assert parameters["LowGPUUtilization"] == {"threshold_p95", "threshold_p5", "window", "patience"}
    assert parameters["GPUMemoryIncrease"] == {"increase", "patience", "window"}
    assert parameters["LoadBalancing"] == {"threshold", "patience"}
    assert parameters["Dataloader"] >= {"min_threshold", "max_threshold"}
    assert parameters["StepOutlier"] >= {"stddev", "mode", "n_outliers"}
    assert parameters["MaxInitializationTime"] == {"threshold"}
    assert parameters["OverallSystemUsage"] == parameters["OverallFrameworkMetrics"] == set()
    assert all(rule.summary for rule in PROFILER_RULES.values())


def test_an_empty_profile_is_not_enough_for_any_rule() -> None:
    verdicts = judge_all(nothing(), JOB)
    assert [verdict.rule for verdict in verdicts] == list(PROFILER_RULES)
    assert {verdict.status for verdict in verdicts} == {NOT_EVALUATED}
    assert all(verdict.message.startswith("Not enough data: ") for verdict in verdicts)


def test_no_advice_contradicts_another_where_data_loading_is_the_cause() -> None:
    data = MadeProfile().steps(100, STARVED).cores(40).memory(20).gpu("gpu0", 30).data()
    verdicts = judge_all(data, JOB)
    advice = {verdict.rule: verdict.advice for verdict in verdicts if verdict.advice}
    assert set(advice) == {"Dataloader", "LowGPUUtilization"}
    assert all("Raise workers from 0 to 2 (2 cores)." in text for text in advice.values())
    assert next(verdict for verdict in verdicts if verdict.status == ISSUES).rule == "Dataloader"


def test_all_verdicts_can_be_written_as_json() -> None:
    data = MadeProfile().steps(100, STARVED).cores(40).memory(20).gpu("gpu0", 30).gpu("gpu1", 90).data()
    for verdict in judge_all(data, JOB):
        assert as_json(verdict)["Kind"] == PROFILER
        assert Verdict.from_json(as_json(verdict)).message == verdict.message


def test_only_the_rules_asked_for_are_judged_with_their_parameters() -> None:
    data = MadeProfile().steps(100, STARVED).data()
    (verdict,) = judge_all(data, JOB, {"Dataloader": {"waiting_threshold": "99"}}, only=["Dataloader"])
    assert (verdict.triggered, verdict.parameters["waiting_threshold"]) == (0, 99.0)
    assert judge_all(data, JOB, only=[]) == []


def test_a_rule_that_fails_says_so_and_the_others_go_on() -> None:
    parameters = {"Dataloader": {"max_threshold": "many"}, "BatchSize": {"windw": "3"}}
    made = MadeProfile().steps(100)
    made.operators = [{"steps": ["x", "y"]}]
    verdicts = by_rule(judge_all(made.data(), JOB, parameters))
    assert {name for name, verdict in verdicts.items() if verdict.status == ERROR} == {
        "Dataloader",
        "BatchSize",
        "StepOutlier",
    }
    assert verdicts["Dataloader"].message == "Rule Dataloader: max_threshold is 'many'; it must be a number."
    assert verdicts["BatchSize"].message == "Rule BatchSize has no parameter 'windw'; did you mean window?"
    assert verdicts["StepOutlier"].message.startswith("The rule failed with ")
