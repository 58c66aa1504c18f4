"""Batches and lanes, with a model that can be held up."""

import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import wait

import pytest
import torch
from torch import Tensor

from container.errors import ArtifactError
from container.serving.batcher import QUIET_SECONDS, Batcher

PATIENCE = 20  # seconds; only a defect takes that long


class Model:
    """Answers each crop with its first pixel, and notes every batch; a closed gate holds all batches up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.threads: list[int] = []  # that torch would use, by batch
        self.layouts: list[bool] = []  # whether the batch was channels-last
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, crops: Tensor) -> Tensor:
        pixels = crops[:, 0, 0, 0]
        self.batches.append(pixels.tolist())
        self.threads.append(torch.get_num_threads())
        self.layouts.append(crops.is_contiguous(memory_format=torch.channels_last))
        assert self.gate.wait(PATIENCE)
        if 255 in pixels:
            raise RuntimeError("this crop breaks the model")
        return pixels.float().unsqueeze(1)

    def wait_for(self, num_batches: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while len(self.batches) < num_batches and time.monotonic() < deadline:
            time.sleep(0.002)
        assert len(self.batches) == num_batches


@pytest.fixture
def model() -> Iterator[Model]:
    model = Model()
    yield model
    model.gate.set()


def crops(*values: int) -> list[Tensor]:
    return [torch.full((3, 4, 4), value, dtype=torch.uint8) for value in values]


def answers(futures: list) -> list[float]:
    return [future.result(PATIENCE).probabilities.item() for future in futures]


def test_every_crop_gets_its_own_answer_in_order(model: Model) -> None:
    batcher = Batcher(lanes=1, max_batch=2)
    assert answers(batcher.submit(model, crops(1, 2, 3, 4, 5))) == [1, 2, 3, 4, 5]
    assert model.batches == [[1, 2], [3, 4], [5]]


def test_what_waits_while_the_lane_is_busy_becomes_one_batch(model: Model) -> None:
    batcher = Batcher(lanes=1, max_batch=8)
    model.gate.clear()
    first = batcher.submit(model, crops(1))
    model.wait_for(1)
    others = [batcher.submit(model, crops(value)) for value in (2, 3, 4)]
    model.gate.set()
    assert [answers(request) for request in (first, *others)] == [[1], [2], [3], [4]]
    assert model.batches == [[1], [2, 3, 4]]


def test_free_lanes_share_what_waits(model: Model) -> None:
    batcher = Batcher(lanes=2, max_batch=8)
    model.gate.clear()
    waiting = batcher.submit(model, crops(1, 2, 3, 4, 5, 6))
    model.wait_for(2)
    model.gate.set()
    assert answers(waiting) == [1, 2, 3, 4, 5, 6]
    assert sorted(len(batch) for batch in model.batches) == [3, 3]


def test_a_lone_image_gets_the_cores_of_all_lanes_and_others_do_not(model: Model) -> None:
    batcher = Batcher(lanes=2, max_batch=8, lone_threads=2)
    answers(batcher.submit(model, crops(1)))
    answers(batcher.submit(model, crops(2, 3)))
    assert model.threads == [2, 1, 1]


def test_an_image_is_not_alone_while_another_is_on_its_way(model: Model) -> None:
    batcher = Batcher(lanes=2, max_batch=8, lone_threads=2, is_more_coming=lambda: True)
    answers(batcher.submit(model, crops(1)))
    assert model.threads == [1]


def test_an_image_is_not_alone_right_after_others_came_together(model: Model) -> None:
    batcher = Batcher(lanes=2, max_batch=8, lone_threads=2)
    answers(batcher.submit(model, crops(1, 2)))
    answers(batcher.submit(model, crops(3)))
    time.sleep(2 * QUIET_SECONDS)
    answers(batcher.submit(model, crops(4)))
    assert model.threads == [1, 1, 1, 2]


def test_no_lane_runs_beside_the_lone_one(model: Model) -> None:
    batcher = Batcher(lanes=2, max_batch=8, lone_threads=2)
    model.gate.clear()
    lone = batcher.submit(model, crops(1))
    model.wait_for(1)
    others = batcher.submit(model, crops(2, 3))
    time.sleep(0.05)
    assert model.batches == [[1]]
    model.gate.set()
    assert answers(lone + others) == [1, 2, 3]


def test_batches_are_channels_last(model: Model) -> None:
    batcher = Batcher(lanes=1, max_batch=8)
    answers(batcher.submit(model, crops(1, 2)))
    assert model.layouts == [True]


def test_an_error_reaches_every_image_of_its_batch_and_no_other(model: Model) -> None:
    batcher = Batcher(lanes=1, max_batch=2)
    assert answers(batcher.submit(model, crops(1))) == [1]
    broken, beside = ([future] for future in batcher.submit(model, crops(255, 3)))
    for request in (broken, beside):
        with pytest.raises(RuntimeError, match="breaks the model"):
            answers(request)
    assert answers(batcher.submit(model, crops(4))) == [4]


def test_models_share_the_lanes_and_never_a_batch(model: Model) -> None:
    other = Model()
    batcher = Batcher(lanes=1, max_batch=2)
    model.gate.clear()
    running = batcher.submit(model, crops(1))
    model.wait_for(1)
    waiting = [batcher.submit(run, crops(value)) for run, value in ((other, 2), (model, 3), (other, 4), (other, 5))]
    model.gate.set()
    assert [answers(request) for request in (running, *waiting)] == [[1], [2], [3], [4], [5]]
    assert (model.batches, other.batches) == ([[1], [3]], [[2, 4], [5]])  # the longest wait decides whose turn it is


def test_a_model_that_answers_too_few_rows_breaks_its_own_images_and_no_lane(model: Model) -> None:
    batcher = Batcher(lanes=1, max_batch=2)
    with pytest.raises(ArtifactError, match="answers 2 images with 1 rows"):
        answers(batcher.submit(lambda crops: model(crops)[:1], crops(1, 2)))
    assert answers(batcher.submit(model, crops(3))) == [3]


def test_no_lane_holds_on_to_a_model_that_has_answered(model: Model) -> None:
    batcher = Batcher(lanes=2, max_batch=2)
    passing = Model()
    gone = weakref.ref(passing)
    assert answers(batcher.submit(passing, crops(1, 2, 3))) == [1, 2, 3]
    del passing
    assert gone() is None


def test_what_is_cancelled_before_a_lane_takes_it_is_never_run(model: Model) -> None:
    batcher = Batcher(lanes=1, max_batch=1)
    model.gate.clear()
    running = batcher.submit(model, crops(1))
    model.wait_for(1)
    cancelled, kept = batcher.submit(model, crops(2, 3))
    assert cancelled.cancel()
    assert not running[0].cancel()
    model.gate.set()
    assert answers([*running, kept]) == [1, 3]
    assert model.batches == [[1], [3]]


def test_a_free_lane_waits_for_company_that_is_on_its_way(model: Model) -> None:
    batcher = Batcher(lanes=1, max_batch=8, wait_seconds=PATIENCE, is_more_coming=lambda: True)
    first = batcher.submit(model, crops(1))
    time.sleep(0.05)
    assert model.batches == []
    rest = batcher.submit(model, crops(*range(2, 9)))  # a full batch
    assert answers(first + rest) == list(range(1, 9))
    assert len(model.batches) == 1


def test_it_does_not_wait_longer_than_it_may(model: Model) -> None:
    batcher = Batcher(lanes=1, max_batch=8, wait_seconds=0.1, is_more_coming=lambda: True)
    started = time.monotonic()
    assert answers(batcher.submit(model, crops(1))) == [1]
    assert time.monotonic() - started >= 0.1


def test_a_lone_image_waits_for_nothing(model: Model) -> None:
    batcher = Batcher(lanes=1, max_batch=8, wait_seconds=PATIENCE, is_more_coming=lambda: False)
    done, _ = wait(batcher.submit(model, crops(1)), timeout=PATIENCE / 2)
    assert len(done) == 1


def test_no_thread_is_started_before_the_first_image(model: Model) -> None:
    before = threading.active_count()
    batcher = Batcher(lanes=3, max_batch=8, lone_threads=3)
    assert threading.active_count() == before
    answers(batcher.submit(model, crops(1)))
    assert threading.active_count() == before + 4
