"""The models in a process's memory: loaded, used and unloaded by many threads at a time.

Nothing slow happens within a lock, so that no model waits for another one's load.
"""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from container.errors import RequestError
from container.serving.batcher import use_threads
from container.serving.json_log import log_event
from container.serving.memory import give_back_memory
from container.serving.metrics import Metrics
from container.serving.multi_model.load_failure import as_request_error
from container.serving.multi_model.loaded_model import Model
from container.serving.multi_model.memory_budget import MIB, MemoryBudget
from container.serving.multi_model.model_folder import find_folder, loading_bytes
from container.serving.predictor import Predictor
from container.serving.settings import ServeSettings

LOAD_SECONDS = 360  # for all of SageMaker's tries to load a model together
UNLOAD_SECONDS = 30  # for requests to a model that is to go


class ModelStore:
    """Models by name. `load_predictor` is given a model's folder."""

    def __init__(
        self,
        settings: ServeSettings,
        load_predictor: Callable[[Path], Predictor],
        metrics: Metrics | None = None,
        budget: MemoryBudget | None = None,
    ) -> None:
        self._settings = settings
        self._load_predictor = load_predictor
        self._metrics = metrics or Metrics()
        self._budget = budget or MemoryBudget(settings.max_models_mib)
        self._changed = threading.Condition()
        self._models: dict[str, Model] = {}
        self._loading: dict[str, Future[None]] = {}
        self._turns = itertools.count(1)
        self._places = threading.BoundedSemaphore(settings.loads)
        # Whoever waits for a load holds a thread of the server; the others are for invocations.
        self._callers = threading.BoundedSemaphore(max(1, settings.threads // 2))
        self._making_room = threading.Lock()  # so that no two loads count on the same room
        self._is_weighed = False
        self._reserved: list[int] = []  # bytes that each load under way needs at most

    def load(self, name: str, url: str) -> None:
        """Load the model in the folder `url` and warm it up.

        Raises RequestError 409 if there is one of that name, after waiting if it is being loaded; 507 if there is no
        room; 404 or 400 for a folder that there is not, or whose model is broken.
        """
        if not self._callers.acquire(blocking=False):
            raise RequestError(429, "overloaded", "Too many models are being loaded; send the request again later.")
        try:
            is_first, load = self._begin(name, url)
            load.result(LOAD_SECONDS)
        except TimeoutError as error:
            raise RequestError(
                503, "load_too_slow", f"{name!r} was not loaded in {LOAD_SECONDS} s; see the server's log."
            ) from error
        finally:
            self._callers.release()
        if not is_first:
            raise self._is_loaded(name)

    def unload(self, name: str) -> Model:
        """Remove a model, and free its memory once it has answered its requests. Raises RequestError 404."""
        with self._changed:
            model = self._get(name)
            del self._models[name]
        self._free(model, "asked")
        return model

    @contextmanager
    def use(self, name: str) -> Iterator[Model]:
        """Within it the model stays in memory. Raises RequestError 404."""
        with self._changed:
            model = self._get(name)
            model.users += 1
            model.turn = next(self._turns)
        try:
            yield model
        finally:
            with self._changed:
                model.users -= 1
                self._changed.notify_all()

    def find(self, name: str) -> Model:
        """Raises RequestError 404."""
        with self._changed:
            return self._get(name)

    def page(self, after: str, size: int) -> tuple[list[Model], str]:
        """Up to `size` models by name, from the first after `after`; and after which to go on, or nothing."""
        with self._changed:
            models = sorted(
                (model for model in self._models.values() if model.name > after), key=lambda item: item.name
            )
        return models[:size], models[size - 1].name if len(models) > size else ""

    def __len__(self) -> int:
        return len(self._models)

    def describe(self) -> dict[str, int]:
        """How many models there are, what they take, and what they may take."""
        return {"models": len(self), **self._budget.describe()}

    @property
    def description(self) -> dict[str, str]:
        """None of one model: that is for a server that has only one."""
        return {}

    def warm_up(self) -> bool:
        """Ready at once: an endpoint begins without any model."""
        self._budget.note_empty()
        return True

    def _get(self, name: str) -> Model:
        model = self._models.get(name)
        if model is None:
            raise RequestError(
                404, "model_not_loaded", f"No model named {name[:200]!r} is loaded; POST /models loads one."
            )
        return model

    def _is_loaded(self, name: str) -> RequestError:
        return RequestError(
            409, "model_already_loaded", f"A model named {name!r} is loaded; DELETE it to load another."
        )

    def _begin(self, name: str, url: str) -> tuple[bool, "Future[None]"]:
        """The load of that name, and whether this call has begun it."""
        folder = find_folder(url, self._settings.models_dir)
        with self._changed:
            if name in self._models:
                raise self._is_loaded(name)
            if name in self._loading:
                return False, self._loading[name]
            load = self._loading[name] = Future()
        # Not a pool's thread, which the process would wait for at its end.
        threading.Thread(target=self._load, args=(name, url, folder, load), name="load", daemon=True).start()
        return True, load

    def _load(self, name: str, url: str, folder: Path, load: "Future[None]") -> None:
        with self._places:
            use_threads(1)  # the other cores are for invocations
            started = time.monotonic()
            failure = self._try(name, url, folder)
        with self._changed:
            del self._loading[name]
            self._metrics.set_models(len(self._models))
        give_back_memory()  # loading takes three times what stays
        if failure:
            self._metrics.count_load("no_memory" if failure.status == 507 else "failed")
            log_event("model_not_loaded", logging.ERROR, name=name, url=url, reason=str(failure))
            load.set_exception(failure)
            return
        self._metrics.count_load("loaded")
        seconds = round(time.monotonic() - started, 2)
        log_event("model_ready", name=name, url=url, seconds=seconds, memory=self.describe())
        load.set_result(None)

    def _try(self, name: str, url: str, folder: Path) -> RequestError | None:
        """Why the model cannot be loaded; its traceback would hold on to what has been loaded of it."""
        need = 0
        try:
            need = self._reserve(loading_bytes(folder), folder)
            predictor = self._load_warm(folder)
            with self._changed:
                self._models[name] = model = Model(name, url, predictor)
                model.turn = next(self._turns)
        except Exception as error:  # the top of a thread
            return as_request_error(name, error)
        finally:
            if need:
                self._reserved.remove(need)
        return None

    def _load_warm(self, folder: Path) -> Predictor:
        predictor = self._load_predictor(folder)
        predictor.try_out()
        predictor.warm_up()
        return predictor

    def _reserve(self, need: int, folder: Path) -> int:
        """`need`, once there is room for that many bytes. Raises RequestError 507."""
        with self._making_room:
            if not self._models and not self._reserved:
                self._weigh_empty(need, folder)
            may_evict = self._settings.full_memory == "evict" and self._budget.allows(need)
            while not self._has_room(need):
                idle = self._take_idle() if may_evict else None
                if idle is None:
                    raise self._is_full(need)
                self._free(idle, "evicted")
            self._reserved.append(need)
        return need

    def _weigh_empty(self, need: int, folder: Path) -> None:
        # With a bound for the models alone, the first is loaded twice: 80 MiB of libraries and of compiled kernels come
        # with whichever is first, stay, and are no model's own.
        if self._settings.max_models_mib and not self._is_weighed and self._budget.has_room(need):
            self._load_warm(folder)
            give_back_memory()
            self._is_weighed = True
        self._budget.note_empty()

    def _has_room(self, need: int) -> bool:
        most = self._settings.max_models
        if most and len(self._models) + len(self._reserved) >= most:
            return False
        return self._budget.has_room(need + sum(self._reserved))

    def _is_full(self, need: int) -> RequestError:
        state = self.describe()
        return RequestError(
            507,
            "memory_full",
            f"Loading the model takes up to {need // MIB} MiB, and what is loaded has {state['used_mib']} of "
            f"{state['limit_mib']} MiB (models: {state['models']}); unload one first, or see SERVE_MAX_MODELS_MIB and "
            "SERVE_MAX_MODELS.",
        )

    def _take_idle(self) -> Model | None:
        """The model without users whose last use is longest ago, which is then no longer listed."""
        with self._changed:
            idle = [model for model in self._models.values() if not model.users]
            oldest = min(idle, key=lambda model: model.turn, default=None)
            if oldest is not None:
                del self._models[oldest.name]
        return oldest

    def _free(self, model: Model, reason: str) -> None:
        with self._changed:
            # If a request takes longer, its model goes when it is done.
            if is_idle := self._changed.wait_for(lambda: not model.users, UNLOAD_SECONDS):
                model.close()
            self._metrics.set_models(len(self._models))
        give_back_memory()
        self._metrics.count_unload(reason)
        log_event("model_unloaded", name=model.name, reason=reason, is_idle=is_idle, memory=self.describe())
