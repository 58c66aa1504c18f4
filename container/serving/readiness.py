"""Whether this process can answer requests, and if not, why."""

import logging
import threading
from collections.abc import Callable

from container.errors import RequestError, UserError
from container.serving.json_log import log_event
from container.serving.predictor import Predictor


class Readiness:
    """Not ready until `warm_up` has passed in this process; for good if there is no predictor."""

    def __init__(self, predictor: Predictor | None, reason: str = "") -> None:
        self._predictor = predictor
        self._refusal: tuple[str, str] | None = ("warming_up", "The model is warming up; ask again in a second.")
        self._settled = threading.Event()
        if predictor is None:
            self._refuse(reason)

    def predictor(self, wait_seconds: float = 0) -> Predictor:
        """The warmed-up predictor. Raises RequestError 503 with the reason if there is none within `wait_seconds`."""
        self._settled.wait(wait_seconds)
        if self._refusal is not None:
            raise RequestError(503, *self._refusal)
        assert self._predictor is not None
        return self._predictor

    def warm_up(self) -> bool:
        """Whether this process is ready now: a real inference has passed."""
        if self._predictor is None:
            return False
        try:
            self._predictor.warm_up()
        except Exception as error:  # the top of the warm-up thread: the server must live on to tell the reason
            log_event("warm_up_failed", logging.ERROR, exc_info=not isinstance(error, UserError), reason=str(error))
            self._refuse(f"The model failed its warm-up: {first_line(error)}")
            return False
        self._refusal = None
        self._settled.set()
        return True

    def _refuse(self, reason: str) -> None:
        self._refusal = ("model_unavailable", reason)
        self._settled.set()


def load_or_refuse(load: Callable[[], Predictor]) -> Readiness:
    """Readiness with the predictor that `load` returns, or with the reason why it cannot be had, which is logged."""
    try:
        return Readiness(load())
    except Exception as error:  # top of the process: a server that dies here would only be started again and again
        log_event("model_unavailable", logging.ERROR, exc_info=not isinstance(error, UserError), reason=str(error))
        return Readiness(None, first_line(error))


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
