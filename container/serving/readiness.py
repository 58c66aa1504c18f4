"""Whether this process can answer requests, and if not, why."""

import logging
import threading
from collections.abc import Callable

from container.errors import RequestError, UserError
from container.serving.json_log import log_event
from container.serving.predictor import Predictor


class Readiness:
    """Not ready until `warm_up` has passed in this process; for good if the predictor cannot be loaded.

    `load` is called once, by `load` or by `warm_up`, in whichever process that is: a network on the CPU is loaded
    before the server forks, so that its workers share the memory; one on a GPU after it, as CUDA does not survive it.
    """

    def __init__(self, load: Callable[[], Predictor]) -> None:
        self._load = load
        self._predictor: Predictor | None = None
        self._refusal: tuple[str, str] | None = ("warming_up", "The model is warming up; ask again in a second.")
        self._settled = threading.Event()

    def predictor(self, wait_seconds: float = 0) -> Predictor:
        """The warmed-up predictor. Raises RequestError 503 with the reason if there is none within `wait_seconds`."""
        self._settled.wait(wait_seconds)
        if self._refusal is not None:
            raise RequestError(503, *self._refusal)
        assert self._predictor is not None
        return self._predictor

    @property
    def description(self) -> dict[str, str]:
        """Of the model, once there is one."""
        return self._predictor.description if self._predictor else {}

    def load(self) -> None:
        """Load the predictor, or keep the reason why it cannot be had, which is logged."""
        try:
            self._predictor = self._load()
        except Exception as error:  # a server that dies here would only be started again and again
            self._refuse("model_unavailable", error, first_line(error))

    def warm_up(self) -> bool:
        """Whether this process is ready now: a real inference has passed."""
        if self._predictor is None and not self._settled.is_set():
            self.load()
        if self._predictor is None:
            return False
        try:
            self._predictor.warm_up()
        except Exception as error:  # the top of the warm-up thread: the server must live on to tell the reason
            self._refuse("warm_up_failed", error, f"The model failed its warm-up: {first_line(error)}")
            return False
        self._refusal = None
        self._settled.set()
        return True

    def _refuse(self, event: str, error: Exception, reason: str) -> None:
        log_event(event, logging.ERROR, exc_info=not isinstance(error, UserError), reason=str(error))
        self._refusal = ("model_unavailable", reason)
        self._settled.set()


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
