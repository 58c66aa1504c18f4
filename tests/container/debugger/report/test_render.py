"""What a report says, read as text; how it looks is tests/browser's part."""

import re
from dataclasses import replace

import numpy as np
import pytest

from container.debugger.report import render as render_module
from container.debugger.report.collect import Content
from container.debugger.report.render import render, report_page
from container.debugger.report.tensors import SavedTensors
from tests.container.debugger.report.sample_run import (
    HOSTILE,
    content,
    event_frame,
    metrics,
    operators,
    saved_tensors,
    system_frame,
    verdicts,
)

SECTIONS = ["rules", "training", "time", "utilisation", "operators", "tensors", "settings"]


@pytest.fixture(scope="module")
def html() -> str:
    return render(content())


def text_of(page: str) -> str:
    body = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_every_section_is_there_in_order(html: str) -> None:
    assert re.findall(r'<section id="(\w+)"', html) == SECTIONS
    assert re.findall(r'<a href="#(\w+)"', html) == SECTIONS


def test_the_verdict_comes_first(html: str) -> None:
    text = text_of(html)
    assert text.index("2 of 4 rules found issues") < text.index("Do first") < text.index("Loss per step")


def test_the_rule_table_has_every_column_that_was_asked_for(html: str) -> None:
    table = html[html.index("All rules") : html.index('id="training"')]
    text = text_of(table)
    for part in ("Triggered", "Datapoints", "Parameters", "3,400", "threshold_layer 50", "Lower learning_rate"):
        assert part in text
    assert text.index("DeadRelu") < text.index("StepOutlier") < text.index("ClassImbalance")


def test_parameters_that_are_not_set_are_left_out() -> None:
    parameters = {"regex": "[]", "threshold": "50", "mode": "None"}
    text = text_of(render(content(verdicts=[replace(verdicts()[0], parameters=parameters)])))
    assert "threshold 50" in text
    assert "regex" not in text
    assert "None" not in text


def test_rule_events_are_marked_on_the_loss_curve(html: str) -> None:
    assert '<g class="event"><title>DeadRelu, step 40</title>' in html


def test_a_slow_step_names_the_phase_that_took_the_time(html: str) -> None:
    assert "DataLoading, 1.4 s more" in text_of(html)


def test_nothing_is_loaded_from_anywhere(html: str) -> None:
    assert not re.search(r"(src|href)=\"(?!#)", html)
    assert "http" not in html.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert "@import" not in html
    assert "url(" not in html


def test_the_content_policy_allows_the_pages_own_style_and_script_only(html: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy
    assert "default-src &#39;none&#39;" in policy[1]
    assert policy[1].count("sha256-") == 2
    assert "unsafe" not in policy[1]
    assert not re.search(r"<[^>]+ (style|on\w+)=", html)


def test_what_people_name_cannot_become_markup() -> None:
    named = replace(verdicts()[0], rule=HOSTILE, message=HOSTILE, advice=HOSTILE, parameters={HOSTILE: HOSTILE})
    page = render(
        content(
            name=HOSTILE,
            metrics=metrics(job_name=HOSTILE, hyperparameters={HOSTILE: HOSTILE}),
            verdicts=[named, *verdicts(HOSTILE)],
            damaged=[HOSTILE],
            system=system_frame(10, node=HOSTILE),
            operators=operators(HOSTILE),
            tensors=saved_tensors((HOSTILE,)),
        )
    )
    assert "<script>alert" not in page
    assert page.count("<script>") == 1
    assert page.count("alert(&#39;name&#39;)") > 10


def test_an_empty_run_says_what_is_missing_and_what_brings_it() -> None:
    page = report_page(Content())
    assert [len(section.parts) > 0 for section in page.sections] == [True] * len(SECTIONS)
    text = text_of(render(Content()))
    for hint in ("debughookconfig.json", "profilerconfig.json", "metrics.json", "DetailedProfilingConfig"):
        assert hint in text


@pytest.mark.parametrize("missing", ["metrics", "verdicts", "system", "events", "operators", "tensors"])
def test_one_missing_input_leaves_the_other_sections(missing: str) -> None:
    page = render(content(**{missing: getattr(Content(), missing)}))
    assert re.findall(r'<section id="(\w+)"', page) == SECTIONS
    assert 'class="note"' in page


def test_tensors_without_losses_name_the_collection() -> None:
    page = text_of(render(content(tensors=replace(saved_tensors(), losses=[]))))
    assert "the collection losses" in page


def test_a_tensor_with_nan_is_marked() -> None:
    broken = [replace(each, num_not_finite=3) for each in saved_tensors().distributions]
    assert "NaN or infinity at 3 steps!" in render(content(tensors=replace(saved_tensors(), distributions=broken)))


def test_a_loss_that_became_nan_leaves_the_curve_until_then() -> None:
    curve = saved_tensors().losses[0]
    values = [*curve.values[:100], *[float("nan")] * (len(curve.values) - 100)]
    page = render(content(tensors=SavedTensors(losses=[replace(curve, values=values)], missing="")))
    assert "nan" not in re.findall(r'points="([^"]*)"', page)[0]


def test_a_running_job_says_so() -> None:
    assert render_module.RUNNING in render(content(is_over=False))


def test_the_page_of_ten_hours_is_less_than_3_mb() -> None:
    seconds = 36_000
    page = render(content(system=system_frame(seconds, interval=1), events=event_frame(20_000)))
    assert len(page) < 3_000_000
    assert "10 h" in page


def test_a_metrics_file_of_another_shape_does_no_harm() -> None:
    odd = {"history": [{"train_loss": 1.0}, {"valid_accuracy": None}], "test": None, "hyperparameters": None}
    assert re.findall(r'<section id="(\w+)"', render(content(metrics=odd))) == SECTIONS
    assert np.isfinite(len(render(content(metrics={"history": []}))))
