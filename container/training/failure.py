"""The failure file: one sentence that reaches the job's FailureReason."""

import errno
import re
import sys
import traceback
from pathlib import Path

from container import contract
from container.errors import UserError
from container.settings import TrainSettings
from container.training.memory import is_device_memory, is_out_of_memory, settings_in_words, what_to_try

# Begins the sentence of a process that failed only because another one had: the cause may still replace it.
CONSEQUENCE = "Another training process ended or can no longer be reached"
PEER_WORDS = re.compile(r"^\[[^]]*\] (.*?)(\. .*)?$")  # of gloo: the place in its source, what happened, and advice
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REASON_LIMIT = 300  # characters of an error's own words


def report(error: BaseException, output_dir: Path, settings: TrainSettings | None = None) -> None:
    """Print the error, and write its sentence to the failure file unless another process was first.

    A UserError is a sentence by itself; anything else keeps its traceback in the log. Notes that were added to the
    error follow it.
    """
    sentence = " ".join([explain(error, settings), *getattr(error, "__notes__", [])])
    if not isinstance(error, UserError):
        traceback.print_exception(error)
    print(f"Training failed: {sentence}", file=sys.stderr, flush=True)
    write(sentence, output_dir)


def write(sentence: str, output_dir: Path, *, is_cause: bool = False) -> None:
    """Keep the first sentence, as the first failure is the cause of the others; `is_cause` replaces a consequence.

    Where it cannot be written, as on a full disk, it is in the log alone.
    """
    path = output_dir / "failure"
    text = " ".join(sentence.split())[: contract.FAILURE_LIMIT]
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        if is_cause and path.is_file() and path.read_text(errors="replace").startswith(CONSEQUENCE):
            path.unlink()
        with path.open("x", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except FileExistsError:
        pass
    except OSError as error:
        print(f"The failure file {path} cannot be written: {error.strerror}.", file=sys.stderr, flush=True)


def explain(error: BaseException, settings: TrainSettings | None = None) -> str:
    """One sentence: where, what is wrong, what to do."""
    if isinstance(error, UserError):
        return str(error)
    if is_out_of_memory(error):
        return _explain_memory(error, settings)
    if is_lost_peer(error):
        words = PEER_WORDS.sub(r"\1", _words(error))
        return f"{CONSEQUENCE}, so this one ended too: the failure file and log of the others say why ({words})."
    if _is_killed_helper(error):
        return (
            "A process that reads images was killed, most likely because memory ran out: lower workers or batch_size "
            f"({_words(error)})."
        )
    if isinstance(error, OSError):
        return _explain_system(error)
    return (
        "Training ended with an error that is not the data's or the settings' fault; the log holds the details "
        f"({type(error).__name__}: {_words(error)})."
    )


def is_lost_peer(error: BaseException) -> bool:
    """Whether the processes that train together lost one of them: torch says so in several classes and many words."""
    if not isinstance(error, RuntimeError):
        return False
    is_of_a_group = type(error).__name__ in ("DistError", "DistBackendError", "DistNetworkError", "DistStoreError")
    return is_of_a_group or any(word in str(error) for word in ("gloo", "NCCL", "ncclRemoteError"))


def _is_killed_helper(error: BaseException) -> bool:
    """Of a loader, or of the pool that reads channels."""
    is_loader = isinstance(error, RuntimeError) and "DataLoader worker" in str(error)
    return is_loader or type(error).__name__ == "BrokenProcessPool"


def _explain_memory(error: BaseException, settings: TrainSettings | None) -> str:
    whose = "The GPU's memory" if is_device_memory(error) else "The machine's memory"
    if settings is None:
        return f"{whose} ran out before training began: take a machine with more ({_words(error)})."
    hyperparameters = settings.hyperparameters
    tries = what_to_try(hyperparameters, settings.world_size)
    return f"{whose} ran out with {settings_in_words(hyperparameters)}: {tries} ({_words(error)})."


def _explain_system(error: OSError) -> str:
    where = f"{error.filename} cannot be used" if error.filename else "A file cannot be used"
    if error.errno in NO_ROOM:
        return f"The disk is full: free or enlarge it, and start again with the same checkpoints ({_words(error)})."
    return f"{where}: {error.strerror or _words(error)}; see that it is there and that this process may use it."


def _words(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:REASON_LIMIT].rstrip(".")
