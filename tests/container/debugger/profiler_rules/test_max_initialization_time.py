from dataclasses import replace

from container.debugger.profiler_rules.max_initialization_time import MaxInitializationTime
from container.debugger.verdict import ISSUES, NO_ISSUES, NOT_EVALUATED
from tests.container.debugger.profiler_rules.made_profile import JOB, START, MadeProfile, as_json, nothing


def test_a_long_time_until_the_first_step_is_an_issue() -> None:
    verdict = MaxInitializationTime().judge(MadeProfile().between_steps("Initialization", 1500).steps(3).data(), JOB)
    assert verdict.status == ISSUES
    assert verdict.message == "The first step came 25 min after the job began; the limit is 20 min."
    assert verdict.issues[0].time == START + 1200
    details = as_json(verdict)["Details"]
    assert details["job_start"] == START
    assert details["step_num"]["first"] == 1e6 * (START + 1500)


def test_a_short_time_is_not() -> None:
    data = MadeProfile().between_steps("Initialization", 15).steps(3).data()
    assert MaxInitializationTime().judge(data, JOB).status == NO_ISSUES
    assert MaxInitializationTime.from_text({"threshold": "0.2"}).judge(data, JOB).status == ISSUES


def test_without_the_phase_the_jobs_own_start_counts() -> None:
    verdict = MaxInitializationTime().judge(MadeProfile().steps(3).data(), replace(JOB, started=START - 3600))
    assert "60 min after" in verdict.message


def test_a_job_that_never_came_to_a_step_is_found_by_its_metrics() -> None:
    made = MadeProfile()
    made.clock += 1300
    verdict = MaxInitializationTime().judge(made.cores(3).data(), JOB)
    assert verdict.message == "No step had come 21.7 min after the job began; the limit is 20 min."


def test_a_job_that_has_just_begun_is_not_judged_yet() -> None:
    made = MadeProfile()
    made.clock += 10
    assert MaxInitializationTime().judge(made.cores(3).data(), JOB).status == NOT_EVALUATED
    assert MaxInitializationTime().judge(nothing(), JOB).status == NOT_EVALUATED
