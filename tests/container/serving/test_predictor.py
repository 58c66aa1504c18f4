import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from container.errors import ArtifactError, RequestError
from container.model.artifact import Artifact, load_artifact
from container.serving.predictor import Layout, Predictor, most_likely
from container.serving.stopwatch import Stopwatch
from tests.container.serving.conftest import COLOURS, MeanColour, save_colour_model


def plain(colour: str, height: int = 20, width: int = 30) -> Tensor:
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    image[COLOURS.index(colour)] = 255
    return image


def predictor_of(artifact: Artifact, timeout_seconds: float = 30, **layout: int) -> Predictor:
    return Predictor(artifact, Layout(**layout), timeout_seconds=timeout_seconds)


def ask(predictor: Predictor, *colours: str) -> list[str]:
    crops = [predictor.crop(plain(colour, 10 + 7 * at, 50 - 9 * at)) for at, colour in enumerate(colours)]
    return [COLOURS[index] for index in predictor.predict(crops, Stopwatch()).argmax(dim=1)]


def test_labels_come_back_most_likely_first(predictor):
    probabilities = predictor.predict([predictor.crop(plain("green"))], Stopwatch())
    prediction = most_likely(probabilities[0], COLOURS, 2)
    assert prediction.labels[0] == "green"
    assert len(prediction.labels) == 2
    assert prediction.probabilities[0] > prediction.probabilities[1]


def test_more_labels_than_classes_are_all_classes():
    assert most_likely(torch.tensor([0.2, 0.5, 0.3]), COLOURS, 99).labels == ["green", "blue", "red"]


def test_probabilities_are_float32_and_sum_to_one(predictor):
    probabilities = predictor.predict([predictor.crop(plain("red")), predictor.crop(plain("blue"))], Stopwatch())
    assert probabilities.dtype == torch.float32
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(2))


def test_images_of_any_sizes_keep_their_order_over_several_batches(predictor):
    colours = ["red", "blue", "green", "green", "red"]  # 5 images in batches of 2
    assert ask(predictor, *colours) == colours


def test_requests_that_come_together_get_their_own_answers(base_dir):
    predictor = predictor_of(load_artifact(base_dir / "model/model.pt"), inferences=2, lone_threads=2, batch_size=4)
    colours = [COLOURS[number % 3] for number in range(60)]
    with ThreadPoolExecutor(12) as callers:
        answers = list(callers.map(lambda colour: ask(predictor, colour), colours))
    assert answers == [[colour] for colour in colours]


def test_a_batch_answers_as_each_of_its_images_alone(trained_job):
    artifact = load_artifact(trained_job.folder.model_path)
    predictor = predictor_of(artifact, batch_size=8)
    images = [torch.randint(0, 256, (3, 40, 30 + at), dtype=torch.uint8) for at in range(8)]
    together = predictor.predict([predictor.crop(image) for image in images], Stopwatch())
    alone = torch.cat([torch.softmax(artifact.logits([image]), dim=1) for image in images])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_the_latency_is_split_into_waiting_and_inference(predictor):
    stopwatch = Stopwatch()
    predictor.predict([predictor.crop(plain("red"))], stopwatch)
    parts = stopwatch.milliseconds()
    assert parts["inference_ms"] > 0
    assert parts["queue_ms"] + parts["inference_ms"] <= parts["total_ms"]


def test_a_model_that_is_not_free_in_time_answers_429(slow_base_dir):
    predictor = predictor_of(load_artifact(slow_base_dir / "model/model.pt"), timeout_seconds=0.05, batch_size=1)
    crop = predictor.crop(plain("red"))
    busy = threading.Thread(target=predictor.predict, args=([crop], Stopwatch()))
    busy.start()
    time.sleep(0.02)
    with pytest.raises(RequestError, match="not free within") as refusal:
        predictor.predict([crop], Stopwatch())
    busy.join()
    assert (refusal.value.status, refusal.value.code) == (429, "model_busy")


def test_an_inference_that_has_begun_is_waited_for_beyond_the_timeout(slow_base_dir):
    predictor = predictor_of(load_artifact(slow_base_dir / "model/model.pt"), timeout_seconds=0.05)
    assert predictor.predict([predictor.crop(plain("red"))], Stopwatch()).shape == (1, 3)


def test_no_more_requests_decode_at_a_time_than_there_are_places(predictor):
    with predictor.decoding(Stopwatch()):
        entered = threading.Event()

        def enter() -> None:
            with predictor.decoding(Stopwatch()):
                entered.set()

        other = threading.Thread(target=enter)
        other.start()
        assert not entered.wait(0.1)
    assert entered.wait(10)
    other.join()


def test_a_request_that_finds_no_place_to_decode_in_time_is_429(base_dir):
    predictor = predictor_of(load_artifact(base_dir / "model/model.pt"), timeout_seconds=0.05)
    with (
        predictor.decoding(Stopwatch()),
        pytest.raises(RequestError, match="not free within"),
        predictor.decoding(Stopwatch()),
    ):
        pass


def test_a_network_is_tried_out_in_the_thread_that_asks_and_in_no_lane(predictor, monkeypatch):
    run, threads = predictor._run, []
    monkeypatch.setattr(predictor, "_run", lambda crops: threads.append(threading.current_thread()) or run(crops))
    predictor.try_out()
    assert threads == [threading.current_thread()]


def test_warm_up_passes_for_a_good_artifact(predictor):
    predictor.warm_up()


def test_warm_up_refuses_an_artifact_whose_output_does_not_fit_its_class_names(tmp_path):
    path = save_colour_model(tmp_path / "model", MeanColour(), ["red", "green"])
    with pytest.raises(ArtifactError, match="one for each class name"):
        predictor_of(load_artifact(path)).warm_up()
