"""Three jobs made slow on purpose: the rules say what to change, and changing it makes them faster."""

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import pandas
import torch
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, SequentialSampler, TensorDataset

from container.debugger.debugger import TRAIN, Debugger
from container.debugger.profiler.data import EVENT_COLUMNS, SYSTEM_COLUMNS, ProfilerData
from container.debugger.profiler_rules.catalogue import judge_all
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.verdict import ISSUES, Verdict

FASTER = 1.3


@dataclass
class Recorder:
    """Keeps what a timeline would write."""

    events: list[tuple] = field(default_factory=list)

    def record(self, phase: str, op_name: str, start: float, duration: float, step: int, mode: str) -> None:
        self.events.append((phase, op_name, start, duration, step, mode, 1, "algo-1"))

    def close(self) -> None:
        pass


class SlowStorage(Dataset):
    """Images that take 4 ms each to arrive."""

    def __len__(self) -> int:
        return 480

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        time.sleep(0.004)
        return torch.full((64,), index / 480), index % 4


def train(network: nn.Module, loader: DataLoader, save_to: Path | None = None, save_seconds: float = 0.0):
    """The profile of one epoch, and its examples per second."""
    recorder, debugger, criterion = Recorder(), Debugger(), nn.CrossEntropyLoss()
    debugger.attach("timeline", recorder)
    optimizer = torch.optim.Adam(network.parameters())
    began = saved_at = time.perf_counter()
    batches, count = iter(loader), 0
    for _ in range(len(loader)):
        with debugger.step(TRAIN):
            with debugger.phase("DataLoading"):
                images, labels = next(batches)
            with debugger.phase("Forward"):
                loss = criterion(network(images), labels)
            with debugger.phase("Backward"):
                loss.backward()
            with debugger.phase("Optimizer"):
                optimizer.step()
                optimizer.zero_grad()
        count += len(images)
        if save_to and time.perf_counter() - saved_at > save_seconds:
            with debugger.phase("Checkpoint", "save"):
                torch.save(network.state_dict(), save_to)
            saved_at = time.perf_counter()
    per_second = count / (time.perf_counter() - began)
    return profile_of(recorder.events), per_second


def profile_of(events: list[tuple]) -> ProfilerData:
    # Memory is not what these jobs lack, and must not be what the machine that runs the tests lacks.
    memory = [(start, "algo-1", "memory", "MemoryUsedPercent", "", 20.0) for _, _, start, *_ in events[:100]]
    return ProfilerData(
        system=pandas.DataFrame(memory, columns=list(SYSTEM_COLUMNS)),
        events=pandas.DataFrame(events, columns=list(EVENT_COLUMNS)),
        operators=[],
    )


def verdict_of(rule: str, data: ProfilerData, job: JobFacts) -> Verdict:
    """One of all: on a busy machine others may have something to say as well."""
    (verdict,) = [verdict for verdict in judge_all(data, job) if verdict.rule == rule]
    assert verdict.status == ISSUES, verdict.message
    return verdict


def advised(verdict: Verdict, what: str) -> int:
    """The number that the advice names."""
    found = re.match(rf"Raise {what} from \S+ to (\d+)", verdict.advice)
    assert found, verdict.advice
    return int(found[1])


def small_network(width: int = 32) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4))


def test_a_job_with_slow_storage_is_told_to_raise_workers_and_becomes_faster() -> None:
    def run(workers: int):
        return train(small_network(), DataLoader(SlowStorage(), batch_size=8, num_workers=workers))

    data, before = run(workers=0)
    verdict = verdict_of("Dataloader", data, JobFacts(workers=0, cores=2, batch_size=8))
    workers = advised(verdict, "workers")
    _, after = run(workers)
    assert workers == 2
    assert after > FASTER * before, f"{before:.0f} -> {after:.0f} examples per second"


def test_a_job_of_tiny_batches_is_told_to_raise_batch_size_and_becomes_faster() -> None:
    examples = TensorDataset(torch.rand(1200, 64), torch.arange(1200) % 4)

    def run(batch_size: int):
        sampler = BatchSampler(SequentialSampler(examples), batch_size, drop_last=True)
        # Wide, so that the optimizer's part, which no batch size changes, is most of a step.
        data, _ = train(small_network(1024), DataLoader(examples, sampler=sampler, batch_size=None))
        # By the usual step: a run this short is at the mercy of whatever else the machine does in one of its moments.
        steps = data.events[data.events["phase"] == "Step:ModeKeys.TRAIN"]
        return data, batch_size / steps["duration"].median()

    data, before = run(batch_size=4)
    verdict = verdict_of("BatchSize", data, JobFacts(workers=0, cores=2, batch_size=4))
    _, after = run(advised(verdict, "batch_size"))
    assert after > FASTER * before, f"{before:.0f} -> {after:.0f} examples per second"


def test_a_job_that_saves_all_the_time_is_told_to_save_less_often_and_becomes_faster(tmp_path) -> None:
    examples = TensorDataset(torch.rand(2560, 64), torch.arange(2560) % 4)

    def run(save_seconds: float):
        network = small_network()
        network.register_buffer("backbone", torch.zeros(4_000_000))  # 16 MB that are saved and cost no time otherwise
        return train(network, DataLoader(examples, 64), tmp_path / "checkpoint.pt", save_seconds)

    data, before = run(save_seconds=0.001)
    job = JobFacts(workers=0, cores=2, batch_size=64, hyperparameters={"checkpoint_seconds": "0.001"})
    verdict = verdict_of("StepOutlier", data, job)
    assert "checkpoints inside epochs" in verdict.message
    _, after = run(advised(verdict, "checkpoint_seconds"))
    assert after > FASTER * before, f"{before:.0f} -> {after:.0f} examples per second"
