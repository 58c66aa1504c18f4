"""What to try when memory runs out, in numbers of this job. Imports no torch, as the launcher uses it too."""

from pathlib import Path

from container.hyperparameters import Hyperparameters

# Where the kernel counts the processes of this container that it has killed for want of memory: cgroup v2, then v1.
KILL_COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))
MIN_SLICE = 4  # images: training.build refuses batches with fewer for each slice
# What PyTorch says of the machine's memory, in a plain RuntimeError.
HOST_MEMORY_WORDS = ("can't allocate memory", "not enough memory", "Cannot allocate memory", "std::bad_alloc")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, the device's or the machine's."""
    if is_device_memory(error) or isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and any(words in str(error) for words in HOST_MEMORY_WORDS)


def is_device_memory(error: BaseException) -> bool:
    return type(error).__name__ == "OutOfMemoryError"  # torch's, by its name


def what_to_try(hyperparameters: Hyperparameters, num_processes: int) -> str:
    """Settings that take less memory: the same batch in smaller parts, or half of it."""
    batch_size, steps = hyperparameters.batch_size, hyperparameters.accumulation_steps
    if batch_size < 2 * MIN_SLICE * num_processes * steps:
        return "lower image_size, or take a smaller backbone or a larger machine"
    return (
        f"set accumulation_steps={2 * steps}, which trains the same batch of {batch_size} in smaller parts, "
        f"or batch_size={batch_size // 2}"
    )


def settings_in_words(hyperparameters: Hyperparameters) -> str:
    return (
        f"batch_size={hyperparameters.batch_size}, accumulation_steps={hyperparameters.accumulation_steps} "
        f"and image_size={hyperparameters.image_size}"
    )


def count_kills() -> int:
    """Processes of this container that the kernel has killed for want of memory; 0 where it does not say."""
    for path in KILL_COUNTERS:
        try:
            fields = dict(line.split() for line in path.read_text().splitlines())
            return int(fields["oom_kill"])
        except (OSError, ValueError, KeyError):
            continue
    return 0
