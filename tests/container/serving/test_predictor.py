import threading
import time

import pytest
import torch
from torch import Tensor

from container.errors import ArtifactError, RequestError
from container.model.artifact import Artifact, load_artifact
from container.serving.predictor import Predictor, most_likely
from container.serving.stopwatch import Stopwatch
from tests.container.serving.conftest import COLOURS, MeanColour, save_colour_model


def plain(colour: str, height: int = 20, width: int = 30) -> Tensor:
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    image[COLOURS.index(colour)] = 255
    return image


def predictor_of(artifact: Artifact, **options: float) -> Predictor:
    return Predictor(artifact, **{"inferences": 1, "batch_size": 4, "timeout_seconds": 30, **options})


def test_labels_come_back_most_likely_first(predictor):
    probabilities = predictor.predict([plain("green")], Stopwatch())
    prediction = most_likely(probabilities[0], COLOURS, 2)
    assert prediction.labels[0] == "green"
    assert len(prediction.labels) == 2
    assert prediction.probabilities[0] > prediction.probabilities[1]


def test_more_labels_than_classes_are_all_classes():
    assert most_likely(torch.tensor([0.2, 0.5, 0.3]), COLOURS, 99).labels == ["green", "blue", "red"]


def test_probabilities_are_float32_and_sum_to_one(predictor):
    probabilities = predictor.predict([plain("red"), plain("blue")], Stopwatch())
    assert probabilities.dtype == torch.float32
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(2))


def test_images_of_any_sizes_keep_their_order_over_several_batches(predictor):
    colours = ["red", "blue", "green", "green", "red"]  # 5 images in batches of 2
    images = [plain(colour, 10 + 7 * at, 50 - 9 * at) for at, colour in enumerate(colours)]
    probabilities = predictor.predict(images, Stopwatch())
    assert [COLOURS[index] for index in probabilities.argmax(dim=1)] == colours


def test_the_latency_is_split_into_waiting_and_inference(predictor):
    stopwatch = Stopwatch()
    predictor.predict([plain("red")], stopwatch)
    parts = stopwatch.milliseconds()
    assert parts["inference_ms"] > 0
    assert parts["queue_ms"] + parts["inference_ms"] <= parts["total_ms"]


def test_a_model_that_is_not_free_in_time_answers_503(slow_base_dir):
    artifact = load_artifact(slow_base_dir / "model/model.pt")
    predictor = predictor_of(artifact, timeout_seconds=0.05)
    busy = threading.Thread(target=predictor.predict, args=([plain("red")], Stopwatch()))
    busy.start()
    time.sleep(0.02)
    with pytest.raises(RequestError, match="not free within") as refusal:
        predictor.predict([plain("red")], Stopwatch())
    busy.join()
    assert (refusal.value.status, refusal.value.code) == (503, "model_busy")


def test_an_inference_that_has_begun_is_waited_for_beyond_the_timeout(slow_base_dir):
    predictor = predictor_of(load_artifact(slow_base_dir / "model/model.pt"), timeout_seconds=0.05)
    assert predictor.predict([plain("red")], Stopwatch()).shape == (1, 3)


def test_warm_up_passes_for_a_good_artifact(predictor):
    predictor.warm_up()


def test_warm_up_refuses_an_artifact_whose_output_does_not_fit_its_class_names(tmp_path):
    path = save_colour_model(tmp_path / "model", MeanColour(), ["red", "green"])
    with pytest.raises(ArtifactError, match="one for each class name"):
        predictor_of(load_artifact(path)).warm_up()
