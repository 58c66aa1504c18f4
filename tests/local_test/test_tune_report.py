"""The tuning report: what it says as text, and how it lies in a real browser at two widths."""

import json
import math
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from container.errors import UserError
from local_test import tune_report
from local_test.browser import QUIET, find_browser
from local_test.tune_report import render, write_tuning_report
from local_test.tuning.axis import LEFT, RIGHT, Axis
from local_test.tuning.dots import Scale
from local_test.tuning.importance import importances
from local_test.tuning.results import best_first, progress_line, table

HOSTILE = "</script><b>bold</b> & 'quotes'"
LONG = "a_hyperparameter_with_a_very_long_name_that_has_no_place_to_break_at_all"


def trial(number: int, value: float | None, state: str = "Completed", **hyperparameters: object) -> dict[str, Any]:
    return {
        "number": number,
        "name": f"trial-{number:03d}",
        "state": state,
        "value": value,
        "hyperparameters": {name: str(chosen) for name, chosen in hyperparameters.items()},
        "seconds": 10.0 * number,
        "intermediate": [] if value is None else [2 * value, value],
    }


def study(direction: str = "Minimize") -> dict[str, Any]:
    """Twelve trials with the learning rate's distance from 0.001, in decades, as objective; and one of each kind."""
    rows = []
    for number in range(1, 13):
        rate = 10 ** (-4 + 0.25 * number)
        rows.append(
            trial(
                number,
                0.1 + abs(math.log10(rate) + 3),
                learning_rate=rate,
                batch_size=8 * (number % 3 + 1),
                optimizer="adam",
            )
        )
    rows.append(trial(13, 500.0, "Pruned", learning_rate=9.5, batch_size=8, optimizer="sgd"))
    rows.append({**trial(14, None, "Failed", learning_rate=0.1, batch_size=8, optimizer="sgd"), "reason": HOSTILE})
    rows.append(trial(15, None, "InProgress", learning_rate=0.1, batch_size=8, optimizer="sgd"))
    return {"objective": "Average loss", "direction": direction, "trials": rows}


def text_of(page: str) -> str:
    body = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def test_the_page_names_the_best_trial_and_counts_the_others() -> None:
    text = text_of(render(study(), "dogs"))
    assert "trial-004 is the best: Average loss 0.1 with learning_rate 0.001, batch_size 16, optimizer adam." in text
    for label, count in (("Trials", 15), ("Completed", 12), ("Pruned", 1), ("Failed", 1)):
        assert f" {label} {count} " in text
    assert "Far worse trials, 1 of 13, are drawn at the edge." in text


def test_a_maximized_objective_turns_the_order_round() -> None:
    trials = study("Maximize")
    assert best_first(trials)[0]["name"] == "trial-012"
    assert "trial-012 is the best" in text_of(render(trials, "dogs"))
    assert table(trials).splitlines()[1].startswith("trial-012")


def test_trials_that_did_not_come_to_their_end_are_never_the_best() -> None:
    trials = study()
    trials["trials"].append(trial(16, 0.01, "Pruned", learning_rate=0.1, batch_size=8, optimizer="sgd"))
    assert best_first(trials)[0]["name"] == "trial-004"
    assert best_first(trials)[-1]["number"] == 16


def test_every_trial_has_its_line_dot_and_row() -> None:
    page = render(study(), "dogs")
    curves = page[page.index('id="curves"') : page.index('id="hyperparameters"')]
    assert len(re.findall("<polyline", curves)) == 13
    assert curves.count("hollow") == 1
    galleries = page[page.index('id="hyperparameters"') : page.index('id="table"')]
    assert len(re.findall('class="part dot', galleries)) == 3 * 13
    assert page[page.index('id="table"') :].count("<tr>") == 1 + 15


def test_what_a_job_says_of_its_failure_stays_text() -> None:
    page = render(study(), HOSTILE)
    assert "<b>" not in page
    assert page.count("</script>") == 1
    assert HOSTILE in text_of(page)


@pytest.mark.parametrize(
    "rows", [[], [trial(1, None, "Failed")], [trial(1, 0.5, batch_size=8)], [trial(1, 3.0, "Pruned")]]
)
def test_a_study_at_its_beginning_has_a_page_too(rows: list[dict[str, Any]]) -> None:
    text = text_of(render({"objective": "Accuracy", "direction": "Maximize", "trials": rows}, "new"))
    assert f"Trials {len(rows)} " in text


def test_trials_without_epochs_have_no_curves_but_a_note() -> None:
    trials = study()
    for row in trials["trials"]:
        row["intermediate"] = []
    assert "no values from within the trials" in text_of(render(trials, "job"))


def test_the_hyperparameter_that_decides_has_the_largest_share() -> None:
    rows = study()["trials"]
    axes = {name: Axis.of([row["hyperparameters"][name] for row in rows]) for name in ("batch_size", "learning_rate")}
    shares = importances(rows, axes, minimize=True)
    assert next(iter(shares)) == "learning_rate"
    assert sum(shares.values()) == pytest.approx(1)
    assert importances(rows[:5], axes, minimize=True) == {}


def test_an_axis_puts_equal_ratios_at_equal_distances_where_it_is_logarithmic() -> None:
    axis = Axis.of(["0.001", "0.1", "10"])
    assert axis.is_logarithmic
    assert [axis.place(value) for value in ("0.001", "0.1", "10")] == pytest.approx([LEFT, (LEFT + RIGHT) / 2, RIGHT])
    linear = Axis.of(["8", "16", "32"], is_logarithmic=False)
    assert linear.place("20") == pytest.approx((LEFT + RIGHT) / 2)
    words = Axis.of(["sgd", "adam", "8"])
    assert words.words == ("8", "adam", "sgd")
    assert Axis.of(["8", "8"]).place("8") == pytest.approx((LEFT + RIGHT) / 2)


def test_a_scale_leaves_out_what_would_flatten_the_rest() -> None:
    assert Scale.of([1, 1.2, 1.4, 900], minimize=True).high < 3
    assert Scale.of([0.9, 0.8, 0.7, 0.6], minimize=False) == Scale(low=0.6, high=0.9)
    assert Scale.of([2.0], minimize=True) == Scale(low=2.0, high=2.0)


def test_a_line_of_progress_says_what_came_out_and_what_is_best_so_far() -> None:
    trials = study()
    line = progress_line(trials["trials"][12], trials, 20)
    assert line.startswith("[14/20] trial-013 Pruned: Average loss 500.0000, 130 s; best 0.1000 (trial-004);")
    assert "learning_rate=9.5" in line


def test_the_page_is_made_again_from_trials_json(tmp_path: Path, capsys) -> None:
    path = tmp_path / "trials.json"
    path.write_text(json.dumps(study()))
    assert tune_report.main([str(path)]) == 0
    page = tmp_path / "tuning-report.html"
    assert capsys.readouterr().out.strip() == page.as_uri()
    assert "trial-004" in page.read_text()
    path.write_text("{")
    assert tune_report.main([str(path)]) == 1
    assert "cannot be read" in capsys.readouterr().err


MEASURE = """<!DOCTYPE html><body><script>
const found = [], frames = FRAMES;
for (const [page, width, theme] of frames) {
  const frame = document.createElement("iframe");
  frame.width = width; frame.height = 900; frame.style.border = "0";
  frame.onload = () => {
    const root = frame.contentDocument.documentElement, view = frame.contentWindow;
    const outside = [...root.querySelectorAll("main *, header *")].filter((element) => {
      const box = element.getBoundingClientRect();
      return !element.closest(".scroll, .plot") && box.width && (box.left < -1 || box.right > width + 1);
    });
    const cells = () => [...root.querySelectorAll("tbody tr")].map((row) => row.cells[0].textContent);
    const orders = [cells()];
    for (const press of ["2", "2", "3"]) {
      root.querySelectorAll("th button")[Number(press)].click();
      orders.push(cells());
    }
    const dot = root.querySelector(".dot");
    if (dot) dot.dispatchEvent(new view.PointerEvent("pointerover", { clientX: 9, clientY: 9, bubbles: true }));
    found.push({
      page, width, theme, orders, overflow: root.scrollWidth - root.clientWidth,
      outside: outside.slice(0, 5).map((element) => element.outerHTML.slice(0, 160)),
      smallest: Math.min(...[...root.querySelectorAll("main p, main td, main text")].map(
        (element) => parseFloat(view.getComputedStyle(element).fontSize))),
      background: view.getComputedStyle(frame.contentDocument.body).backgroundColor,
      tip: frame.contentDocument.getElementById("tip").textContent,
    });
    if (found.length === frames.length) document.body.textContent = JSON.stringify(found);
  };
  frame.src = `${page}.html?theme=${theme}`;
  document.body.append(frame);
}
</script></body>"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Two pages measured in a browser: the study with hard names, and an empty one."""
    try:
        browser = find_browser()
    except UserError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("pages")
    hard = study()
    for row in hard["trials"]:
        row["hyperparameters"][LONG] = HOSTILE
    write_tuning_report({**hard, "name": "dogs" * 30}, folder / "study.html")
    write_tuning_report({**study(), "trials": []}, folder / "empty.html")
    frames = [
        (page, width, theme) for page in ("study", "empty") for width in (390, 1280) for theme in ("light", "dark")
    ]
    (folder / "measure.html").write_text(MEASURE.replace("FRAMES", json.dumps(frames)))
    command = [browser, *QUIET, "--no-sandbox", "--allow-file-access-from-files", "--enable-logging=stderr"]
    command += [f"--user-data-dir={folder / 'profile'}", "--dump-dom", (folder / "measure.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    assert "CONSOLE" not in done.stderr
    found = json.loads(unescape(re.sub(r"<[^>]+>", "", done.stdout[done.stdout.index("<body") :])))
    assert len(found) == len(frames)
    return found


def test_the_page_fits_a_phone_and_a_desk_in_light_and_dark(measured: list[dict[str, Any]]) -> None:
    for each in measured:
        assert (each["overflow"], each["outside"]) == (0, []), each
        assert each["smallest"] >= 11
    assert len({each["background"] for each in measured}) == 2


def test_a_heading_sorts_by_numbers_and_leaves_what_has_none_at_the_end(measured: list[dict[str, Any]]) -> None:
    best_first_, by_value, falling, by_rate = next(each["orders"] for each in measured if each["page"] == "study")
    assert best_first_[0] == by_value[0] == "trial-004"
    assert falling[:2] == ["trial-013", "trial-012"]
    assert set(by_value[-2:]) == set(falling[-2:]) == {"trial-014", "trial-015"}
    assert by_rate[:2] == ["trial-001", "trial-002"]


def test_a_dot_says_its_trial(measured: list[dict[str, Any]]) -> None:
    tips = [each["tip"] for each in measured if each["page"] == "study"]
    assert all(re.match(r"trial-\d{3}, completed: [\d.]+\nlearning_rate", tip) for tip in tips)
