"""Each page of docs/extend is done as it says, one after the other on one copy of the repository, and comes out so."""

import json
import shutil
import urllib.request
from pathlib import Path

import pytest

from local_test.serve_local import free_port
from tests.docs.worked_example import SERVER, WorkedExample, copy_project, on_port
from tests.job_folder import CLASS_NAMES, PROJECT_DIR, write_data_set

PAGES = PROJECT_DIR / "docs" / "extend"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_project(tmp_path_factory.mktemp("extended") / "project")
    write_data_set(folder / "data" / "sample", per_class=8)
    return folder


@pytest.fixture(scope="module")
def backbone(project: Path) -> tuple[str, str]:
    """What the training command printed, and what the server answered."""
    example = WorkedExample(PAGES / "backbone.md", project)
    example.apply()
    train, serve, ask = example.commands()
    printed = example.run(train)
    port = free_port()
    with example.serving(serve, port):
        return printed, example.run(on_port(ask, port))


def test_a_backbone_of_ones_own_is_trained_and_exported(project: Path, backbone: tuple[str, str]) -> None:
    metrics = json.loads((project / "runs/tiny/output/data/metrics.json").read_text())
    assert (project / "runs/tiny/model/model.pt").is_file()
    assert metrics["hyperparameters"]["backbone"] == "tiny_net"
    assert "Test accuracy:" in backbone[0]


def test_a_backbone_of_ones_own_is_served_and_explained(backbone: tuple[str, str]) -> None:
    (prediction,) = json.loads(backbone[1])["predictions"]
    assert prediction["labels"][0] in CLASS_NAMES
    assert prediction["explanation"]["label"] == prediction["labels"][0]


def test_a_new_rule_fires_and_is_shown(project: Path) -> None:
    example = WorkedExample(PAGES / "rule.md", project)
    example.apply()
    train, judge_again, write_reference = example.commands()
    example.run(train)  # judged meanwhile, but at the lowest priority and for a limited time
    printed = example.run(judge_again)
    output = project / "runs/spiky/output/data"
    verdict = json.loads((output / "rules/LossSpike.json").read_text())
    report = (output / "ProfilerReport/profiler-output/profiler-report.html").read_text()
    assert "Rule LossSpike: IssuesFound at step" in printed, printed
    assert "the median of the 3 before it is" in printed
    assert verdict["Status"] == "IssuesFound"
    assert "LossSpike" in report
    assert "Lower the learning rate, let it warm up" in report

    example.run(write_reference)
    row = "| `LossSpike` | Looks for a training loss far above those just before it. | `factor=3`, `window=5` | - |"
    assert row in (project / "docs/reference/rules.md").read_text()


def test_a_new_image_format_is_served_and_described(project: Path, backbone: tuple[str, str]) -> None:
    example = WorkedExample(PAGES / "content_type.md", project)
    example.apply()
    run_its_tests, serve, ask = example.commands()
    assert "passed" in example.run(run_its_tests)
    shutil.copytree(project / "runs/tiny", project / "runs/demo")  # any model will do
    port = free_port()
    assert SERVER in serve
    with example.serving(serve, port):
        answer = json.loads(example.run(on_port(ask, port)))
        with urllib.request.urlopen(f"http://localhost:{port}/openapi.json") as response:
            described = json.load(response)
        asked = urllib.request.Request(f"http://localhost:{port}/", headers={"Accept": "text/html"})
        with urllib.request.urlopen(asked) as response:
            demo = response.read().decode()
    assert answer["predictions"][0]["labels"][0] in CLASS_NAMES
    assert "image/bmp" in described["paths"]["/invocations"]["post"]["requestBody"]["content"]
    assert "JPEG, PNG, WebP or BMP." in demo
    assert 'accept="image/jpeg,image/png,image/webp,image/bmp"' in demo
