"""The notebook from start to end on this machine, with fewer pictures and trials than it has by default."""

import json
import signal
import socket
import subprocess
import time
from pathlib import Path

import nbformat
import pytest

from container import contract
from container.debugger.verdict import ISSUES, NO_ISSUES, read_verdicts
from local_test.sample_pictures import CLASSES
from local_test.serve_local import free_port
from notebooks.execute import NOTEBOOK, PROJECT_DIR
from tests.notebooks.running import Executed, command, environ, execute, find, is_answered

SPACE = """
objective = "Average loss"
[ranges.batch_size]
low = 14
high = 16
[ranges.learning_rate]
low = 1e-3
high = 3e-3
scaling = "Logarithmic"
[fixed]
num_epochs = 6
pretrained = "none"
fine_tune = "all"
image_size = 32
optimizer = "adamw"
head = "linear"
precisions = "fp32"
"""
CHANCE = 1 / len(CLASSES)


@pytest.fixture(scope="module")
def aws_address() -> socket.socket:
    """What AWS's clients would call, if there were any: nobody answers, but calls are heard."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        yield listener


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory, aws_address: socket.socket) -> Executed:
    sizes = ("-p", "SAMPLE_SIZE=(24, 5, 6)", "-p", "TRIALS=2", "-p", f"SPACE={SPACE}", "-p", f"PORT={free_port()}")
    variables = {
        "NOTEBOOK_MODE": "local",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws_address.getsockname()[1]}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    return execute(tmp_path_factory.mktemp("notebook"), *sizes, **variables)


def test_every_cell_runs_without_an_error(executed: Executed) -> None:
    assert executed.status == 0, executed.said[-3000:]
    numbers = [cell.execution_count for cell in executed.code_cells()]
    assert None not in numbers
    assert numbers == sorted(numbers)
    kinds = {output.output_type for cell in executed.code_cells() for output in cell.outputs}
    assert "error" not in kinds
    assert "injected-parameters" not in json.dumps(executed.notebook)


def test_the_trials_are_told_and_the_best_is_trained(executed: Executed) -> None:
    trials = json.loads((executed.folder / "runs/notebook/tune/trials.json").read_text())
    assert [trial["number"] for trial in trials["trials"]] == [1, 2]
    assert "[2/2]" in executed.text("tune")
    best = min(trials["trials"], key=lambda trial: trial["value"])["hyperparameters"]
    used = json.loads((executed.folder / "runs/notebook/best/input/config/hyperparameters.json").read_text())
    assert used == used | best | {"num_epochs": "6", "debugger": "true"}
    assert executed.pictures("tune-plot") == ["image/png"]


def test_the_model_is_far_better_than_guessing(executed: Executed) -> None:
    metrics = json.loads((executed.folder / "runs/notebook/best/output/data/metrics.json").read_text())
    assert metrics["test"]["accuracy"] > 2.5 * CHANCE
    assert str(round(metrics["test"]["accuracy"], 4)) in executed.text("accuracy")
    assert f"{CHANCE}" in executed.text("accuracy")


def test_the_job_was_judged_by_rules_and_its_report_is_shown(executed: Executed) -> None:
    output = executed.folder / "runs/notebook/best/output/data"
    verdicts = read_verdicts(output / contract.RULES_DIR) + read_verdicts(output / contract.PROFILER_RULES_DIR)
    judged = [verdict.rule for verdict in verdicts if verdict.status in (ISSUES, NO_ISSUES)]
    assert len(judged) >= 15
    table = next(output.data["text/html"] for output in executed.outputs("rules"))
    assert [rule for rule in judged if rule not in table] == []
    assert executed.pictures("report") == ["image/png"]


def test_the_endpoint_answers_with_labels_and_shows_where_it_looked(executed: Executed) -> None:
    labels = [line.split()[-1] for line in executed.text("query").splitlines() if "%" in line]
    assert len(labels) == 5
    assert set(labels) < set(CLASSES)
    table = executed.text("answers")
    assert table.count(".jpg") + table.count(".png") == len(CLASSES)
    assert all(name in table for name in CLASSES)
    assert executed.pictures("why") == ["image/jpeg"] * 3


def test_there_are_pictures_of_the_data_the_curves_and_the_confusion(executed: Executed) -> None:
    assert executed.pictures("sample") == ["image/jpeg"]
    assert executed.pictures("curves") == executed.pictures("confusion") == ["image/png"]


def test_nothing_was_created_on_aws(executed: Executed, aws_address: socket.socket) -> None:
    assert "Nothing is sent anywhere" in executed.text("place")
    with pytest.raises(BlockingIOError):
        aws_address.accept()
    assert not (executed.folder / ".deploy").exists()


def story_that_fails(port: int) -> nbformat.NotebookNode:
    """The cells up to the endpoint; then an error, an interruption, and an end without the last cell."""
    whole = nbformat.read(NOTEBOOK, as_version=4)
    look = f"import socket\nsocket.socket().connect_ex(('localhost', {port})) == 0"
    fails = ["1 / 0", "import signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)"]

    def code(text: str, **metadata: object) -> nbformat.NotebookNode:
        return nbformat.v4.new_code_cell(text, metadata=metadata)

    cells = [find(whole, "parameters"), find(whole, "place")]
    for failing in fails:
        cells += [code("place.deploy()"), code(look), code(failing, tags=["raises-exception"]), code(look)]
    return nbformat.v4.new_notebook(cells=[*cells, code("place.deploy()"), code(look)])


def test_a_cell_that_fails_or_is_interrupted_leaves_no_server(executed: Executed, tmp_path: Path) -> None:
    port = free_port()
    nbformat.write(story_that_fails(port), tmp_path / "fails.ipynb")
    runs = executed.folder / "runs/notebook"
    done = execute(tmp_path, "-p", f"PORT={port}", "-p", f"RUNS={runs}", notebook=tmp_path / "fails.ipynb")
    assert done.status == 0, done.said[-2000:]
    looks = [output.data["text/plain"] for cell in done.code_cells() for output in cell.outputs if "data" in output]
    assert looks == ["True", "False", "True", "False", "True"]
    errors = [o.ename for cell in done.code_cells() for o in cell.outputs if o.output_type == "error"]
    assert errors == ["ZeroDivisionError", "KeyboardInterrupt"]
    assert not is_answered(port)


def test_ctrl_c_ends_everything_and_leaves_the_notebook_as_it_was(executed: Executed, tmp_path: Path) -> None:
    port = free_port()
    story = story_that_fails(port)
    story.cells = [*story.cells[:3], nbformat.v4.new_code_cell("import time\nPath('busy').touch()\ntime.sleep(600)")]
    nbformat.write(story, tmp_path / "long.ipynb")
    runs = executed.folder / "runs/notebook"
    running = subprocess.Popen(
        command(tmp_path, "-p", f"PORT={port}", "-p", f"RUNS={runs}", notebook=tmp_path / "long.ipynb"),
        cwd=PROJECT_DIR, env=environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    while not (tmp_path / "busy").exists():
        assert running.poll() is None, running.communicate()[0]
        time.sleep(0.1)
    assert is_answered(port)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 130, said
    assert "Traceback" not in said
    assert not is_answered(port)
    assert not (tmp_path / "executed.ipynb").exists()
