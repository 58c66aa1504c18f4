import re

import pytest

from container.debugger.report.collect import Content
from container.debugger.report.compare import render_comparison
from tests.container.debugger.report.sample_run import HOSTILE, content, event_frame, metrics, verdicts
from tests.container.debugger.report.test_render import text_of


def other() -> Content:
    changed = metrics(job_name="dogs-b")
    changed["hyperparameters"]["learning_rate"] = 0.01
    for record in changed["history"]:
        record["valid_accuracy"] -= 0.08
    return content(name="dogs-b", metrics=changed, verdicts=verdicts()[1:], events=event_frame(100, slow=()))


@pytest.fixture(scope="module")
def text() -> str:
    return text_of(render_comparison(content(), other()))


def test_the_better_run_is_named_first(text: str) -> None:
    assert "A reaches a validation accuracy of 80 %, B one of 72 %." in text


def test_only_settings_that_differ_are_shown(text: str) -> None:
    assert "learning_rate 0.001 0.01" in text
    assert "batch_size" not in text


def test_results_times_and_usage_stand_side_by_side(text: str) -> None:
    assert "Best validation accuracy 80 % 72 % \u221210 %" in text
    assert re.search(r"Training step, median \d+ ms \d+ ms (same|[+\u2212][\d.]+ %)", text)
    assert "All cores 66 % 66 % same" in text
    assert "GPUs 53 % 53 % same GPU memory 41 % 41 % same" in text


def test_a_rule_that_speaks_in_one_run_only_is_there(text: str) -> None:
    assert re.search(r"DeadRelu ▲ issues found \u2013 Of layer1.relu", text)


def test_both_losses_and_phases_are_drawn() -> None:
    page = render_comparison(content(), other())
    assert len(re.findall(r'data-label="[AB], training"', page)) == 2
    assert page.count('class="row"') == 2


def test_two_empty_runs_say_what_is_missing() -> None:
    page = text_of(render_comparison(Content(name=HOSTILE), Content()))
    assert "One of the runs has no results" in page
    assert "the collection losses" in page
    assert "<script>alert" not in page


def test_the_same_run_twice_has_no_differences(text: str) -> None:
    page = text_of(render_comparison(content(), content()))
    assert "Both runs have the same hyperparameters and versions." in page
    assert "Both runs reach a validation accuracy of 80 %." in page
