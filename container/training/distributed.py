"""Several training processes as one: start, shards, sums and agreements. With one process everything is a no-op."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from container.errors import TrainingError

JOIN_SECONDS = 15 * 60  # hosts come up late; the training toolkit waits this long for their names too
# A process that ends closes its connections, which the others see at once; one whose machine or network is gone is
# given up after this time. In it what one process does alone must come to its end: the export, a host's features.
PATIENCE_SECONDS = 15 * 60
SIGN_SECONDS = 60  # between signs of life of a main process that has the others wait for longer
T = TypeVar("T")


@dataclass(frozen=True)
class Group:
    """The processes of the job. `device` is this process's own."""

    rank: int
    local_rank: int
    world_size: int
    device: torch.device
    control: Any = None  # a gloo group: agreements cross it without waiting for the accelerator

    @property
    def is_main(self) -> bool:
        """Whether this process prints metrics and writes files."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """The element-wise sum over all processes of a tensor on the CPU."""
        if self.world_size > 1:
            values = values.clone()
            dist.all_reduce(values, group=self.control)
        return values

    def max(self, value: int) -> int:
        """The largest value of any process; every process gets the same answer at the same point."""
        if self.world_size == 1:
            return value
        values = torch.tensor([value])
        dist.all_reduce(values, dist.ReduceOp.MAX, group=self.control)
        return int(values.item())

    def average_buffers(self, network: nn.Module) -> None:
        """Give every process the mean of all processes' running statistics (batch normalisation), in place."""
        if self.world_size > 1:
            for buffer in network.buffers():
                if buffer.is_floating_point():
                    buffer.copy_(self.sum(buffer.cpu()) / self.world_size)

    def from_main(self, value: Any) -> Any:
        """The main process's value, in every process."""
        if self.world_size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self.control)
        return box[0]

    def made_by_main(self, make: Callable[[Callable[[], None]], T]) -> T:
        """What `make` returns in the main process, in every process, however long it takes.

        It is given a function to be called often, which has the others wait on.
        """
        last_sign = monotonic()

        def give_sign() -> None:
            nonlocal last_sign
            if self.world_size > 1 and monotonic() - last_sign > SIGN_SECONDS:
                last_sign = monotonic()
                self.from_main((False, None))

        made = (True, make(give_sign)) if self.is_main else None
        is_made, value = self.from_main(made)
        while not is_made:
            is_made, value = self.from_main(None)
        return value

    def wait(self) -> None:
        if self.world_size > 1:
            dist.barrier(group=self.control)


def join(rank: int, local_rank: int, world_size: int, network_interface: str) -> Group:
    """The group of this job's processes: NCCL on GPUs, gloo on CPUs. Raises TrainingError if they do not meet."""
    has_gpu = torch.cuda.is_available()
    device = torch.device("cuda", local_rank) if has_gpu else torch.device("cpu")
    if has_gpu:
        torch.cuda.set_device(device)
    if world_size == 1:
        return Group(rank, local_rank, world_size, device)
    _choose_interface(network_interface)
    try:
        dist.init_process_group("nccl" if has_gpu else "gloo", timeout=timedelta(seconds=JOIN_SECONDS))
        control = dist.new_group(backend="gloo", timeout=timedelta(seconds=PATIENCE_SECONDS))
    except RuntimeError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise TrainingError(
            f"The {world_size} training processes did not find each other within {JOIN_SECONDS} s: one has ended, or "
            f"the hosts cannot reach each other; see the others' logs ({reason})."
        ) from error
    return Group(rank, local_rank, world_size, device, control)


def leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def _choose_interface(name: str) -> None:
    # Local mode names an interface ("ethwe") that its containers lack, and the toolkit hands it to NCCL unseen.
    exists = bool(name) and Path("/sys/class/net", name).exists()
    for variable in ("NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME"):
        if exists:
            os.environ[variable] = name
        else:
            os.environ.pop(variable, None)
