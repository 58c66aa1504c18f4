"""What happens to a training process at a chosen moment: `JobFolder.start(fault_before=("...faults:name", ...))`."""

import itertools
import os
import resource
import signal
import time

import torch

from container.settings import base_dir_from

HERE = "tests.container.training.faults"
ROOM = 100_000  # bytes: of a log or a table, and not of a checkpoint or a model
HOUR = 3600.0


def fill_disk() -> None:
    """From now on no file of this process can grow beyond ROOM."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


def remove_pictures() -> None:
    for path in (base_dir_from() / "input" / "data" / "train").rglob("*.jpg"):
        path.unlink()


def break_disk() -> None:
    """Pictures are there and cannot be read: the kernel gives an input/output error."""
    for path in (base_dir_from() / "input" / "data" / "train").rglob("*.jpg"):
        path.unlink()
        path.symlink_to("/proc/self/mem")


def fill_device() -> None:
    """What a GPU without room says."""
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has no more.\nSee the manual.")


def take_memory() -> None:
    """From now on this process gets no more memory than a few MiB, which an epoch's tensors do not fit into."""
    with open("/proc/self/statm") as file:  # noqa: PTH123
        size = int(file.read().split()[0]) * resource.getpagesize()
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (size + 2**20, resource.RLIM_INFINITY))
    torch.empty(2**28, dtype=torch.uint8)  # what is free within the process already would put the moment off


def lose_weights() -> None:
    """The weights become no numbers, as after a step that was much too long."""
    patch = torch.optim.Adam.step

    def step(self: torch.optim.Optimizer, *_: object) -> None:
        patch(self)
        with torch.no_grad():
            for group in self.param_groups:
                for weights in group["params"]:
                    weights.fill_(torch.nan)

    torch.optim.Adam.step = step  # type: ignore[method-assign]


def set_clock() -> None:
    """The wall clock steps back an hour now, and with every look forward or back again."""
    original, turns = time.time, itertools.cycle((-HOUR, HOUR, 0.0))
    time.time = lambda: original() + next(turns)


def fail() -> None:
    raise ZeroDivisionError("a defect")


def leave() -> None:
    """The process is gone at once, as a container that is killed."""
    os.kill(os.getpid(), signal.SIGKILL)
