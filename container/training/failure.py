"""The failure file: one sentence that reaches the job's FailureReason."""

import sys
import traceback
from pathlib import Path

from container import contract
from container.errors import UserError


def report(error: BaseException, output_dir: Path) -> None:
    """Print the error, and write its sentence to the failure file unless another process was first.

    A UserError is a sentence by itself; anything else is a defect and keeps its traceback in the log.
    """
    if isinstance(error, UserError):
        sentence = str(error)
    else:
        sentence = f"{_explain(error)} ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"
        traceback.print_exception(error)
    print(f"Training failed: {sentence}", file=sys.stderr, flush=True)
    write(sentence, output_dir)


def write(sentence: str, output_dir: Path) -> None:
    output_dir.mkdir(parents=True, exist_ok=True)
    try:
        with (output_dir / "failure").open("x") as file:  # "x": the first failure is the cause of the others
            file.write(sentence[: contract.FAILURE_LIMIT])
    except FileExistsError:
        pass


def _explain(error: BaseException) -> str:
    name = type(error).__name__
    if name == "OutOfMemoryError":
        return "The device has too little memory: lower batch_size or image_size, or raise accumulation_steps"
    if isinstance(error, OSError) and error.errno == 28:
        return "The disk is full: enlarge the volume"
    return "Training ended with an error that is not the data's or the settings' fault; the log holds the details"
