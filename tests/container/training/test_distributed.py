"""Two processes over gloo on this machine against one process."""

import csv
import signal
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from container import contract
from container.data.channels import read_channel
from container.data.decode import decode_image
from container.errors import TrainingError
from container.model.artifact import load_artifact
from container.training import distributed
from container.training.distributed import Group
from local_test.serve_local import free_port
from tests.job_folder import WITHOUT_PICTURES, JobFolder, TrainingProcess

TOLERANCE = 1e-4
TWO_PROCESSES_HERE = '{"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "ethwe"}'


def start_two(
    folder: JobFolder,
    signal_before: tuple[int, str, int] | None = None,
    *,
    fault_before: tuple[str, str, int] | None = None,
    at: int = 1,
) -> list[TrainingProcess]:
    """Both processes; what is to happen happens to the one of rank `at`."""
    port = free_port()
    return [
        folder.start(
            folder.base_dir / f"rank{rank}.txt",
            signal_before=signal_before if rank == at else None,
            fault_before=fault_before if rank == at else None,
            RANK=rank,
            LOCAL_RANK=rank,
            WORLD_SIZE=2,
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=port,
        )
        for rank in range(2)
    ]


def assert_same_within_tolerance(one: JobFolder, two: JobFolder) -> None:
    for split in ("valid", "test"):
        assert two.metrics[split] == pytest.approx(one.metrics[split], abs=TOLERANCE)
    assert two.metrics["best_epoch"] == one.metrics["best_epoch"]
    for of_one, of_two in zip(one.metrics["history"], two.metrics["history"], strict=True):
        of_one.pop("images_per_second"), of_two.pop("images_per_second")
        assert of_two == pytest.approx(of_one, abs=TOLERANCE)
    weights = one.weights()
    assert weights.keys() == two.weights().keys()
    difference = max(float((weights[name] - value).abs().max()) for name, value in two.weights().items())
    assert difference < TOLERANCE


@pytest.mark.parametrize(
    "options",
    [
        {"fine_tune": "head", "learning_rate": 0.01, "batch_size": 16, "accumulation_steps": 2, "augment": "strong"},
        {"fine_tune": "last_block", "class_weights": "balanced", "label_smoothing": 0.1, "optimizer": "sgd"},
    ],
    ids=["head with accumulation", "last block with class weights"],
)
def test_two_processes_train_what_one_process_trains(
    new_job_folder: Callable[[str], JobFolder], options: dict[str, object]
) -> None:
    # No dropout: each process draws its own. 27 pictures: of batches of 16 the last is short and its slices are
    # uneven; of batches of 8 the last is less than half full and left out, with two processes as with one.
    jobs = [new_job_folder(name) for name in ("one", "two")]
    for job in jobs:
        job.configure(head="linear", num_epochs=2, **WITHOUT_PICTURES, **options)
        job.add_channels(train={"001.Red": 11, "002.Green": 9, "003.Blue": 7}, valid=3, test=3)
    alone = jobs[0].start()
    assert alone.wait() == 0, alone.output
    jobs[1].write_config("resourceconfig.json", TWO_PROCESSES_HERE)
    processes = start_two(jobs[1])
    assert [process.wait() for process in processes] == [0, 0], processes[0].output + processes[1].output
    assert_same_within_tolerance(*jobs)
    assert "Average loss" in processes[0].output
    assert "Average loss" not in processes[1].output  # only the first process prints metrics


def test_both_processes_measure_the_network_that_is_exported(job_folder: JobFolder) -> None:
    # Each process has batch normalisation's statistics of its own pictures; both must evaluate with their mean.
    job_folder.configure(
        backbone="shufflenet_v2_x0_5", head="linear", num_epochs=1, learning_rate=0.01, **WITHOUT_PICTURES
    )
    job_folder.add_channels(train=8, valid=3).write_config("resourceconfig.json", TWO_PROCESSES_HERE)
    processes = start_two(job_folder)
    assert [process.wait() for process in processes] == [0, 0], processes[0].output + processes[1].output
    channel = read_channel("valid", job_folder.data_dir / "valid", max_corrupt_share=0)
    logits = load_artifact(job_folder.model_path).logits([decode_image(path.read_bytes()) for path in channel.files])
    loss = F.cross_entropy(logits, torch.tensor(channel.labels)).item()
    assert job_folder.metrics["valid"]["loss"] == pytest.approx(loss, abs=1e-6)
    with (job_folder.output_dir / "data" / contract.PREDICTIONS_FILE).open(newline="") as file:
        written = [float(row["probability"]) for row in csv.DictReader(file)]
    assert written == pytest.approx(logits.softmax(1).amax(1).tolist(), abs=1e-5)  # each is one process's share


def test_sigterm_to_one_process_stops_both_at_the_same_step_and_they_go_on(job_folder: JobFolder) -> None:
    job_folder.configure(head="seed", num_epochs=2, **WITHOUT_PICTURES).add_channels(train=8)
    job_folder.write_config("resourceconfig.json", TWO_PROCESSES_HERE)
    stopped = start_two(job_folder, (signal.SIGTERM, "container.training.loop:Trainer._train_step", 4))
    assert [process.wait() for process in stopped] == [0, 0], stopped[0].output + stopped[1].output
    assert job_folder.metrics["stopped"] is True
    again = start_two(job_folder)
    assert [process.wait() for process in again] == [0, 0], again[0].output + again[1].output
    assert "Resuming from" in again[0].output
    assert job_folder.metrics["epochs_trained"] == 2


def test_a_persons_mistake_ends_both_processes_with_the_same_sentence(job_folder: JobFolder) -> None:
    job_folder.configure().write_config("resourceconfig.json", TWO_PROCESSES_HERE)
    processes = start_two(job_folder)
    assert [process.wait() for process in processes] == [1, 1]
    assert job_folder.failure.startswith("There is no channel named 'train'")
    assert all(job_folder.failure in process.output for process in processes)


def test_processes_that_do_not_meet_say_so_within_the_time_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": 0, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(distributed, "JOIN_SECONDS", 1)
    with pytest.raises(
        TrainingError, match="The 2 training processes did not find each other within 1 s: one has ended"
    ):
        distributed.join(0, 0, 2, "lo")


class Recorded(Group):
    """A group whose main process's words are written down for the other one."""

    words: list[object] = []

    def from_main(self, value: object) -> object:
        if self.is_main:
            self.words.append(value)
        return value if self.is_main else self.words.pop(0)


@pytest.mark.parametrize("num_signs", [0, 3])
def test_others_wait_for_the_main_process_for_as_long_as_it_gives_signs(
    monkeypatch: pytest.MonkeyPatch, num_signs: int
) -> None:
    monkeypatch.setattr(distributed, "SIGN_SECONDS", -1)
    main, other = (Recorded(rank, rank, 2, torch.device("cpu")) for rank in range(2))
    assert main.made_by_main(lambda give_sign: [give_sign() for _ in range(num_signs)]) == [None] * num_signs
    assert len(main.words) == num_signs + 1
    made = other.made_by_main(lambda _: pytest.fail("only the main process makes it"))
    assert made == [None] * num_signs
    assert main.words == []


def test_one_process_needs_no_agreement() -> None:
    group = Group(0, 0, 1, torch.device("cpu"))
    values = torch.tensor([1.0, 2.0])
    assert torch.equal(group.sum(values), values)
    assert group.max(2) == 2
    assert group.from_main("value") == "value"
    assert group.made_by_main(lambda give_sign: give_sign() or "value") == "value"
    assert group.is_main
    group.wait()
