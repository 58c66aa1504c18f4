from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from container.data.channels import Channel, read_channel
from container.errors import ImageError
from container.model.artifact import Artifact, load_artifact, save_artifact
from container.model.preprocess import Preprocess
from container.training import variant_trial
from container.training.variant_trial import BATCH_SIZES, ROUNDS, images, measure_accuracy, measure_speed, sample
from tests.job_folder import write_class_folders

SIZE = 32


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Channel:
    """Seven red, green and blue pictures each."""
    folder = write_class_folders(tmp_path_factory.mktemp("valid"), 7)
    return read_channel("valid", folder, max_corrupt_share=0)


def test_a_sample_is_drawn_with_the_seed_and_without_repetition(channel: Channel) -> None:
    drawn = sample(channel, 10, seed=1)
    assert len(set(drawn)) == 10
    assert set(drawn) <= set(range(21))
    assert drawn == sample(channel, 10, seed=1) != sample(channel, 10, seed=2)
    assert drawn != sorted(drawn)


def test_a_sample_of_more_than_there_is_is_all_of_it(channel: Channel) -> None:
    assert sorted(sample(channel, 1000, seed=1)) == list(range(21))


def test_images_come_in_small_batches_with_their_labels(channel: Channel) -> None:
    batches = list(images(channel, sample(channel, 20, seed=1), side=37))
    assert [len(decoded) for decoded, _ in batches] == [8, 8, 4]
    for decoded, labels in batches:
        brightest = [int(image.float().mean((1, 2)).argmax()) for image in decoded]
        assert brightest == labels.tolist()  # 001.Red, 002.Green, 003.Blue


def test_an_image_that_cannot_be_read_any_more_is_named(tmp_path: Path) -> None:
    channel = read_channel("valid", write_class_folders(tmp_path, 2), max_corrupt_share=0)
    channel.files[3].write_bytes(b"no image")
    with pytest.raises(ImageError, match=rf"{channel.files[3]}: These 8 bytes are not a JPEG") as caught:
        list(images(channel, list(range(6)), side=37))
    assert caught.value.code == "undecodable_image"
    channel.files[3].unlink()
    with pytest.raises(FileNotFoundError, match=channel.files[3].name):
        list(images(channel, list(range(6)), side=37))


class Brightest(nn.Module):
    """Logits by the mean of each colour: right for red, green and blue pictures, or wrong with another order."""

    def __init__(self, order: list[int]) -> None:
        super().__init__()
        self.order = order

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.mean((2, 3))[:, self.order]


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """fp32 is always right, bf16 takes green for blue, int8 is always wrong."""
    folder = tmp_path_factory.mktemp("artifacts")
    for name, order in (("fp32", [0, 1, 2]), ("bf16", [0, 2, 1]), ("int8", [1, 2, 0])):
        save_artifact(folder / name, Preprocess(SIZE), Brightest(order), ["a", "b", "c"], {"input_size": SIZE})
    return {name: load_artifact(folder / name) for name in ("fp32", "bf16", "int8")}


def test_hits_are_counted_on_the_same_images(channel: Channel, artifacts: dict[str, Artifact]) -> None:
    batches = images(channel, list(range(21)), side=37)
    score = measure_accuracy(artifacts, batches, lambda: True)
    assert score.hits == {"fp32": 21, "bf16": 7, "int8": 0}
    assert score.num_images == 21
    assert (score.accuracy("fp32"), score.accuracy("bf16")) == (1.0, pytest.approx(1 / 3))


def test_counting_ends_with_the_batch_during_which_the_time_is_over(
    channel: Channel, artifacts: dict[str, Artifact]
) -> None:
    answers = iter([True, False])
    score = measure_accuracy(artifacts, images(channel, list(range(21)), side=37), lambda: next(answers))
    assert (score.num_images, score.hits["fp32"]) == (16, 16)


class Clock:
    """A clock that stubs of artifacts put forward."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def thread_time(self) -> float:
        return self.seconds


class Timed:
    """An artifact that takes so many seconds for a batch, in turn."""

    def __init__(self, clock: Clock, seconds: dict[int, list[float]]) -> None:
        self._clock, self._seconds = clock, {size: iter(values * 100) for size, values in seconds.items()}
        self.calls: list[int] = []
        self.threads: set[int] = set()

    def logits_of_crops(self, crops: Tensor) -> None:
        assert crops.dtype == torch.uint8
        assert crops.shape[1:] == (3, SIZE, SIZE)
        assert crops.is_contiguous(memory_format=torch.channels_last)  # as a server's are
        self.calls.append(len(crops))
        self.threads.add(torch.get_num_threads())
        self._clock.seconds += next(self._seconds[len(crops)])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(variant_trial, "time", clock)
    return clock


def measured(artifacts: dict[str, Timed], go_on: bool = True) -> dict[str, dict[str, float]]:
    return measure_speed(artifacts, SIZE, lambda: go_on)  # type: ignore[arg-type]


def test_speed_is_a_ratio_to_fp32_for_each_batch_size(clock: Clock) -> None:
    speeds = measured(
        {
            "bf16": Timed(clock, {1: [1.0], 8: [5.0]}),
            "fp32": Timed(clock, {1: [2.0], 8: [9.0]}),
            "int8": Timed(clock, {1: [0.5], 8: [3.0]}),
        }
    )
    assert BATCH_SIZES == (1, 8)
    assert speeds == {"bf16": {"1": 2.0, "8": 1.8}, "int8": {"1": 4.0, "8": 3.0}}


def test_a_round_that_something_disturbed_does_not_count(clock: Clock) -> None:
    # Two calls to warm up, then two a round; the second round is twenty times slower.
    disturbed = [1.0, 1.0, 1.0, 1.0, 20.0, 20.0, *[1.0] * 90]
    speeds = measured(
        {"fp32": Timed(clock, {1: [2.0], 8: [2.0]}), "int8": Timed(clock, {1: disturbed, 8: disturbed})},
    )
    assert speeds == {"int8": {"1": 2.0, "8": 2.0}}


def test_what_is_slower_for_a_lone_image_is_not_measured_further(clock: Clock) -> None:
    slow = Timed(clock, {1: [9.0], 8: [1.0]})
    fast = Timed(clock, {1: [1.0], 8: [4.0]})
    speeds = measured({"fp32": Timed(clock, {1: [3.0], 8: [8.0]}), "bf16": slow, "int8": fast})
    assert speeds == {"bf16": {"1": 0.333}, "int8": {"1": 3.0, "8": 2.0}}
    assert 8 not in slow.calls


def test_when_the_time_is_over_one_round_is_enough(clock: Clock) -> None:
    hurried, unhurried = (Timed(clock, {1: [1.0], 8: [4.0]}) for _ in range(2))
    assert measured({"fp32": Timed(clock, {1: [3.0], 8: [8.0]}), "int8": hurried}, go_on=False)["int8"]["1"] == 3.0
    measured({"fp32": Timed(clock, {1: [3.0], 8: [8.0]}), "int8": unhurried})
    calls = {timed: timed.calls.count(1) - variant_trial.WARM_UP_CALLS for timed in (hurried, unhurried)}
    assert calls[unhurried] == ROUNDS * calls[hurried] == ROUNDS * variant_trial.CALLS


def test_one_thread_is_measured_and_then_there_are_as_many_as_before(clock: Clock) -> None:
    before, timed = torch.get_num_threads(), Timed(clock, {1: [1.0], 8: [1.0]})
    torch.set_num_threads(3)
    try:
        measured({"fp32": timed})
        assert torch.get_num_threads() == 3
        assert timed.threads == {1}
    finally:
        torch.set_num_threads(before)


def test_real_artifacts_are_measured_by_the_same_way(artifacts: dict[str, Artifact]) -> None:
    speeds = measure_speed(artifacts, SIZE, lambda: True)
    assert speeds.keys() == {"bf16", "int8"}
    assert all(ratio > 0 for speed in speeds.values() for ratio in speed.values())
