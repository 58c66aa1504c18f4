"""Several runs behind one server, without Docker."""

import json
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from local_test import serve_models
from local_test.opt_ml import Run
from local_test.serve_local import free_port
from tests.container.serving.conftest import COLOURS, MeanColour, encode, save_colour_model


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for name in ("one", "two"):
        save_colour_model(folder / name / "model", MeanColour(), [f"{name}-{colour}" for colour in COLOURS])
    return folder


def test_each_runs_model_answers_by_its_name(runs_dir: Path) -> None:
    runs = {"first": Run(runs_dir / "one"), "the second": Run(runs_dir / "two")}
    labels = {}
    with serve_models.models_server(runs, image=None, port=free_port(), quiet=True) as url:
        for name in runs:
            request = urllib.request.Request(f"{url}/models/{urllib.parse.quote(name)}/invoke", data=encode("blue"))
            request.add_header("Content-Type", "image/jpeg")
            with urllib.request.urlopen(request) as response:
                labels[name] = json.load(response)["predictions"][0]["labels"][0]
        with pytest.raises(serve_models.ServerError, match=r"'\.\./third' is refused; it must be 1 to 256"):
            serve_models.load(url, "../third", "/opt/ml/models/0/model")
    assert labels == {"first": "one-blue", "the second": "two-blue"}


def test_a_run_without_a_model_is_named(runs_dir: Path, tmp_path: Path, capsys) -> None:
    assert serve_models.main([f"a={runs_dir / 'one'}", f"b={tmp_path}", "--no-docker"]) == 1
    assert f"{tmp_path} holds no model/model.pt" in capsys.readouterr().err
