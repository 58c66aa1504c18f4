"""smdebug 1.0.34, the last release, made fit for today's PyTorch: everything that it needs, in one place.

Packages (docker/requirements.in): numpy below 2.3 and protobuf 3.20.3, which it declares or relies on, and requests,
pandas, psutil and setuptools, which it imports and does not declare.
"""

import os

# Read by smdebug when it is imported.
ENVIRONMENT = {
    "SMDEBUG_LOG_LEVEL": "error",  # it prints a line per parameter otherwise
    # Its own profiler reads profilerconfig.json before every step and hands parts of it to eval(); ours replaces it.
    "SMPROFILER_CONFIG_PATH": "/dev/null/profilerconfig.json",
    # It would list the checkpoint folder at every step, and fail when a file vanishes; our checkpoints hold the step.
    "CHECKPOINT_CONFIG_FILE_PATH": "/dev/null/checkpointconfig.json",
    "SMDEBUG_TRAINING_END_DELAY_REFRESH": "0",  # a second's sleep, for files that arrive late in S3
}


def set_environment() -> None:
    """To be called before the first import of smdebug in this process."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
