"""Whatever ends the load of a model -> what its caller is told."""

import logging

import torch

from container.errors import RequestError, UserError
from container.serving.json_log import log_event

NO_MEMORY = "can't allocate memory"  # PyTorch's words on a CPU, in an error of no class of its own


def as_request_error(name: str, error: Exception) -> RequestError:
    """507 where memory has run out, else 400 with the reason; what is no UserError is logged with its traceback."""
    if isinstance(error, RequestError):
        return RequestError(error.status, error.code, str(error))
    if is_out_of_memory(error):
        return RequestError(
            507, "memory_full", f"Memory ran out while {name!r} was being loaded; unload a model first."
        )
    if not isinstance(error, UserError):
        log_event("load_failed", logging.ERROR, exc_info=True, name=name)
    # PyTorch's errors begin with where they arose; the last line says what it was.
    reason = (
        str(error) if isinstance(error, UserError) else (str(error).strip() or type(error).__name__).splitlines()[-1]
    )
    return RequestError(400, "broken_model", f"The model {name!r} cannot be loaded: {reason}")


def is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or NO_MEMORY in str(error)
