"""This project's training loop, an epoch at a time: the counterpart of bench/peers/plain_loop.py.

    SAGEMAKER_BASE_DIR=... python -m bench.our_loop

Everything is the training job's own, from the settings to the checkpoint after each epoch; only the clock of the job,
one epoch after the other, is replaced by one epoch for each line on the standard input.
"""

import sys

from container.cores import available_cores
from container.settings import TrainSettings
from container.stop import StopRequest
from container.training import distributed
from container.training.job import Job
from container.training.optimization import choose_backends
from container.training.run import run_epoch
from container.training.splits import load_splits


def main() -> None:
    settings, stop = TrainSettings.read(), StopRequest()
    group = distributed.join(settings.rank, settings.local_rank, settings.world_size, settings.network_interface)
    choose_backends(num_threads=available_cores())
    job = Job.start(settings, group, load_splits(settings, group, stop.check))
    print("ready", flush=True)
    for _ in sys.stdin:
        run_epoch(job, stop)  # prints `Images per second: N`, of the training part alone
        print("done", flush=True)


if __name__ == "__main__":
    main()
