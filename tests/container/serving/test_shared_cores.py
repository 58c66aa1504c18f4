import threading

import pytest

from container.errors import RequestError
from container.model.artifact import load_artifact
from container.serving.predictor import Predictor
from container.serving.shared_cores import Layout, SharedCores
from container.serving.stopwatch import Stopwatch


def test_many_models_have_no_more_threads_than_one(base_dir):
    cores = SharedCores(Layout(inferences=2, lone_threads=2))
    before = threading.active_count()
    for _ in range(5):
        Predictor(load_artifact(base_dir / "model/model.pt"), cores, timeout_seconds=30).warm_up()
    assert threading.active_count() == before + 3  # two lanes and the lone one


def test_models_share_the_places_for_decoding(base_dir):
    cores = SharedCores(Layout(decodes=1))
    artifact = load_artifact(base_dir / "model/model.pt")
    one, other = (Predictor(artifact, cores, timeout_seconds=0.05) for _ in range(2))
    with one.decoding(Stopwatch()), pytest.raises(RequestError, match="not free within"), other.decoding(Stopwatch()):
        pass
    with other.decoding(Stopwatch()):
        pass
