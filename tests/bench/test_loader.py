"""The loader's part: speeds of a small job, and memory that does not grow."""

from pathlib import Path

from bench import loader
from bench.loader import lay_out_job, measure_speeds, memory_of_epochs, panels, speed_records
from bench.photos import write_class_folders

SMALL = {"backbone": "squeezenet1_1", "image_size": "32", "batch_size": "8", "pretrained": "none"}
MOST_GROWTH_MIB = 8  # of about 420; whoever kept the batches would have 18 more after three epochs


def test_loader_and_network_are_measured_in_turns_and_compared(tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "100x75", 2, train=8, valid=1, size=(100, 75))
    base_dir = lay_out_job(tmp_path / "run", data, fine_tune="all", **SMALL)
    speeds = measure_speeds(base_dir, 2, 1, [data])
    assert all(len(values) == 2 and min(values) > 0 for values in speeds.values())
    records = speed_records(speeds)
    assert [(record.name, record.peer) for record in records] == [
        (f"100x75 by {processes}", peer)
        for peer in loader.NETWORK.values()
        for processes in ("1 process", "2 processes")
    ]
    assert list(panels(records).values()) == [records]


def test_the_memory_of_a_training_job_does_not_grow_with_its_epochs(tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "data", 4, train=128, valid=1, size=(64, 48))
    base_dir = lay_out_job(tmp_path / "run", data, fine_tune="head", workers="1", **{**SMALL, "image_size": "64"})
    memory = memory_of_epochs(base_dir, 7, tmp_path)
    # The least of a few epochs: a batch may lie in shared memory at the moment of the look.
    assert min(memory[4:]) - min(memory[1:4]) < MOST_GROWTH_MIB
