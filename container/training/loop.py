"""One epoch of training, and evaluation: the inner loop, with nothing about files or settings."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from tqdm import tqdm

from container.data.dataset import Batch, BatchSampler, batches, random_seed
from container.data.feature_loader import FeatureLoader
from container.debugger.debugger import EVAL, TRAIN, Debugger
from container.errors import DivergenceError
from container.model.preprocess import Preprocess
from container.stop import Stopped
from container.training.distributed import Group
from container.training.metrics import Tally
from container.training.optimization import set_learning_rate

Loader = DataLoader | FeatureLoader
# What the processes agree on after every step; the highest wins.
GO_ON, CHECKPOINT, STOP, DIVERGED = range(4)
ADVICE = "lower learning_rate, or set mixed_precision to no"


@dataclass
class Trainer:
    """What one optimizer step needs. `network` may be wrapped for several processes; `class_weights` is (K,)."""

    network: nn.Module
    preprocess: Preprocess
    optimizer: torch.optim.Optimizer
    criterion: nn.Module  # the weighted mean of a slice's losses
    class_weights: Tensor
    learning_rate: Callable[[int], float]  # of the optimizer step counted from 0
    precision: torch.dtype  # for autocast; float32 means off
    group: Group
    seed: int
    accumulation_steps: int
    checkpoint_seconds: float
    debugger: Debugger = field(default_factory=Debugger)
    scaler: torch.amp.GradScaler = field(init=False)
    eval_criterion: nn.Module = field(init=False)  # knows no label smoothing or class weights: jobs can be compared

    def __post_init__(self) -> None:
        self.eval_criterion = nn.CrossEntropyLoss()
        self.scaler = torch.amp.GradScaler(self.group.device.type, enabled=self.precision is torch.float16)

    @property
    def unwrapped(self) -> nn.Module:
        """The network without the wrapper for several processes."""
        network: nn.Module = getattr(self.network, "module", self.network)
        return network

    def train_one_epoch(
        self,
        loader: Loader,
        sampler: BatchSampler,
        labels: Tensor,
        tally: Tally,
        stop_requested: Callable[[], bool],
        save: Callable[[int, Tally], None],
    ) -> Tally:
        """The epoch's sums over all processes, from the sampler's first step and the sums in `tally` on.

        `labels` (N,) are those of the whole channel. `save(step, tally)` writes a checkpoint; it is called when one is
        due, and before Stopped is raised. Raises DivergenceError, in every process, once the loss of any is no longer
        a finite number.
        """
        self.network.train()
        global_batches = sampler.global_batches()
        parts = batches(loader)
        saved_at = time.monotonic()
        steps = range(sampler.first_step, len(global_batches))
        for step in self._progress(steps, f"epoch {sampler.epoch + 1}", len(global_batches)):
            total_weight = self.class_weights[labels[global_batches[step]]].sum()
            global_step = sampler.epoch * len(global_batches) + step
            with self.debugger.step(TRAIN):
                with self.debugger.phase("DataLoading"):
                    slices = list(islice(parts, self.accumulation_steps))
                loss = self._train_step(slices, total_weight, global_step, tally)
            due = time.monotonic() - saved_at > self.checkpoint_seconds
            wish = STOP if stop_requested() else CHECKPOINT if due else GO_ON
            decision = self.group.max(wish if math.isfinite(loss) else DIVERGED)
            if decision == DIVERGED:
                whose = f"is {loss}" if not math.isfinite(loss) else "of another process is no finite number"
                raise DivergenceError(f"The training loss {whose} at step {global_step}; {ADVICE}.")
            if decision != GO_ON:
                tally = self._combine(tally)
                save(step + 1, tally)
                saved_at = time.monotonic()
                if decision == STOP:
                    raise Stopped
                if not self.group.is_main:  # the main process carries on with everybody's sums
                    tally = Tally.empty(len(self.class_weights))
        return self._combine(tally)

    def _train_step(self, parts: list[Batch], total_weight: Tensor, global_step: int, tally: Tally) -> float:
        """The sum of this process's losses, one for each part; if it is no finite number, no weight is changed."""
        torch.manual_seed(random_seed(self.seed, "step", self.group.rank, global_step))  # dropout
        set_learning_rate(self.optimizer, self.learning_rate(global_step))
        loss = 0.0
        for number, part in enumerate(parts):
            with self._synced_only_if(number == len(parts) - 1):
                loss += self._backward(part, total_weight, tally)
        if math.isfinite(loss):
            with self.debugger.phase("Optimizer"):
                self.scaler.step(self.optimizer)
                self.scaler.update()
                self.optimizer.zero_grad(set_to_none=True)
        return loss

    def _backward(self, part: Batch, total_weight: Tensor, tally: Tally) -> float:
        device = self.group.device
        images, labels = part.images.to(device, non_blocking=True), part.labels.to(device, non_blocking=True)
        autocast = torch.autocast(device.type, self.precision, enabled=self.precision is not torch.float32)
        with self.debugger.phase("Forward"), autocast:
            logits = self.network(self._inputs(images))  # (n, K)
            mean = self.criterion(logits.float(), labels)
        weight = self.class_weights[labels].sum()
        # Each slice counts by its weight in the global batch, so that slices of any sizes sum to the batch's mean;
        # x world_size because DistributedDataParallel divides by it.
        loss = mean * (weight / total_weight) * self.group.world_size
        with self.debugger.phase("Backward"):
            self.scaler.scale(loss).backward()
            value = mean.item()  # waits for the GPU's work
            tally.add(value * weight.item(), weight.item(), logits.detach(), labels)
        return value

    def _inputs(self, images: Tensor) -> Tensor:
        """Images, uint8 (n, 3, S, S), normalised; features (n, D) as they are."""
        return self.preprocess.normalize(images) if images.dim() == 4 else images

    def _synced_only_if(self, is_last: bool) -> AbstractContextManager:
        if isinstance(self.network, DistributedDataParallel) and not is_last:
            return self.network.no_sync()
        return nullcontext()

    def _combine(self, tally: Tally) -> Tally:
        return Tally.from_tensor(self.group.sum(tally.to_tensor()))

    def _progress(self, steps: Iterable[int], what: str, total: int) -> Iterator[int]:
        silent = None if self.group.is_main else True  # None: only on a terminal
        first = next(iter(steps), total)
        yield from tqdm(steps, what, total=total, initial=first, unit="step", disable=silent, leave=False)

    @torch.inference_mode()
    def evaluate(
        self, loader: Loader, stop_requested: Callable[[], bool] = lambda: False, logits: Tensor | None = None
    ) -> Tally:
        """Sums over all processes of an evaluation channel, in full precision.

        `logits` (N, K), float32, on the CPU, is given the rows of this process's share of the channel's N images.
        Raises Stopped, in all processes alike, if any of them is asked to stop between two batches.
        """
        network = self.unwrapped
        self.group.average_buffers(network)
        network.eval()
        tally = Tally.empty(len(self.class_weights))
        parts = batches(loader)
        rounds = self.group.max(len(loader))  # the shards of some processes may have a batch more
        for number in self._progress(range(rounds), "evaluation", rounds):
            if self.group.max(int(stop_requested())):
                raise Stopped
            if number < len(loader):
                with self.debugger.step(EVAL):
                    self._evaluate_batch(network, parts, tally, logits)
        return self._combine(tally)

    def _evaluate_batch(self, network: nn.Module, parts: Iterator[Batch], tally: Tally, kept: Tensor | None) -> None:
        with self.debugger.phase("DataLoading"):
            part = next(parts)
        device = self.group.device
        images, labels = part.images.to(device, non_blocking=True), part.labels.to(device, non_blocking=True)
        with self.debugger.phase("Forward"):
            logits = network(self._inputs(images)).float()  # (n, K)
            loss_sum = self.eval_criterion(logits, labels).item() * len(labels)
        tally.add(loss_sum, len(labels), logits, labels)
        if kept is not None:
            kept[part.indices] = logits.cpu()
