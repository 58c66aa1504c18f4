"""The process that judges a job beside its training: the tensors and the profile, and the report at the end.

    python -m container.debugger.judge.process --stop-dir FOLDER

It reads only files, so that it slows nothing, and outlives a training process that is killed. It ends when the
launcher has put the end-of-job mark beside the tensors, or is gone.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from container import stop
from container.debugger.smdebug_setup import set_environment
from container.settings import TrainSettings

LOOK_SECONDS = 1.0  # between two looks at the tensors
SCAN_SECONDS = 60.0  # between two looks at the profile, with a report each; the platform's own
LOWEST_PRIORITY = 19


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m container.debugger.judge.process", description=__doc__)
    parser.add_argument("--stop-dir", type=Path, help="folder of the training processes that a rule may stop")
    options = parser.parse_args()
    os.nice(LOWEST_PRIORITY)  # training comes first
    set_environment()
    from container.debugger.judge.session import Session  # smdebug reads the environment when it is imported

    session = Session(TrainSettings.read())
    parent, next_scan = os.getppid(), time.monotonic() + SCAN_SECONDS
    while not session.has_ended and os.getppid() == parent:
        must_stop = session.look()
        if (started := time.monotonic()) > next_scan:
            must_stop |= session.scan()
            # A profile of many hours takes long to read: that must not become all that this process does.
            next_scan = time.monotonic() + max(SCAN_SECONDS, 10 * (time.monotonic() - started))
        if must_stop and options.stop_dir is not None:
            stop.pass_on(options.stop_dir)
        time.sleep(LOOK_SECONDS)
    session.conclude()
    return 0


if __name__ == "__main__":
    sys.exit(main())
