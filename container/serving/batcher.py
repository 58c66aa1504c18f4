"""Images of many requests -> batches, run in lanes: threads that each have cores of their own.

All models of a process share its lanes, as threads that fight for a core cost far more than they give; a batch holds
images of one model. Nothing is ever held back while a lane is free and no other image is on its way, so a lone image
waits for nothing: batches grow only out of images that have to wait anyway.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import torch
from torch import Tensor

from container.errors import ArtifactError
from container.model.artifact import stack
from container.serving.priority import COMPUTING, give_way

QUIET_SECONDS = 0.05  # after images came together; threads that work as one suffer most where others work beside them
Run = Callable[[Tensor], Tensor]  # crops, uint8 (N, 3, S, S), channels-last -> probabilities (N, K), float32


@dataclass(frozen=True)
class Answer:
    """One image's probabilities (K,), and when its batch began and ended, by time.perf_counter()."""

    probabilities: Tensor
    began: float
    ended: float


@dataclass(frozen=True)
class Waiting:
    """An image that no lane has taken yet."""

    run: Run  # of its model
    crop: Tensor  # uint8 (3, S, S)
    is_lone: bool  # no other image is there or on its way, nor was a moment ago
    answer: Future[Answer] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)


class Batcher:
    """Runs batches of up to `max_batch` images, in `lanes` lanes with `lane_threads` cores each.

    `lone_threads` above `lane_threads` adds a lane with that many cores, for an image that is alone; while it runs, no
    other lane does. `is_more_coming` says whether further images are on their way; as long as it does, a free lane
    waits for them, for up to `wait_seconds`. Threads start with the first image, so that a process can fork before.
    """

    def __init__(
        self,
        *,
        lanes: int,
        max_batch: int,
        lane_threads: int = 1,
        lone_threads: int = 1,
        wait_seconds: float = 0.0,
        is_more_coming: Callable[[], bool] = lambda: False,
    ) -> None:
        self._lanes, self._max_batch = lanes, max_batch
        self._lane_threads, self._lone_threads = lane_threads, lone_threads
        self._wait_seconds, self._is_more_coming = wait_seconds, is_more_coming
        self._changed = threading.Condition()
        self._queue: deque[Waiting] = deque()
        self._busy = 0  # lanes; all of them while the lone lane runs
        self._is_started = False
        self._last_company = -QUIET_SECONDS  # time.monotonic() when images last came together

    def submit(self, run: Run, crops: list[Tensor]) -> list[Future[Answer]]:
        """An answer by `run` to come for each crop, uint8 (3, S, S); one that is cancelled in time is never run."""
        with self._changed:
            is_lone = self._has_lone_lane and self._is_quiet(len(crops))
            waiting = [Waiting(run, crop, is_lone) for crop in crops]
            self._queue.extend(waiting)
            if not self._is_started:
                self._start()
            self._changed.notify_all()
        return [item.answer for item in waiting]

    def _is_quiet(self, num_crops: int) -> bool:
        now = time.monotonic()
        if self._queue or self._busy or num_crops > 1 or self._is_more_coming():
            self._last_company = now
        return now - self._last_company > QUIET_SECONDS

    def _start(self) -> None:
        self._is_started = True
        # The lone lane first: the last number given decides for libraries that know one for the whole process.
        if self._has_lone_lane:
            threading.Thread(target=self._work, args=(True,), name="lone-lane", daemon=True).start()
        for number in range(self._lanes):
            threading.Thread(target=self._work, args=(False,), name=f"lane-{number}", daemon=True).start()

    @property
    def _has_lone_lane(self) -> bool:
        return self._lone_threads > self._lane_threads

    def _work(self, is_lone: bool) -> None:
        give_way(COMPUTING)
        use_threads(self._lone_threads if is_lone else self._lane_threads)
        occupied = self._lanes if is_lone else 1
        while True:
            try:
                _answer(self._take(is_lone, occupied))
            finally:
                with self._changed:
                    self._busy -= occupied
                    self._changed.notify_all()

    def _take(self, is_lone: bool, occupied: int) -> list[Waiting]:
        """The next batch for this lane, once there is one: at least one image that nobody has cancelled."""
        while True:
            with self._changed:
                while (pause := self._seconds_to_wait()) is not None or not self._may_take(is_lone):
                    self._changed.wait(pause)
                if batch := self._next_batch():
                    self._busy += occupied
                    return batch

    def _next_batch(self) -> list[Waiting]:
        """The image that has waited longest and others of its model, less those that are cancelled."""
        share = -(-len(self._queue) // (self._lanes - self._busy))  # of what waits: so all free lanes have work
        run, size = self._queue[0].run, min(share, self._max_batch)
        batch: list[Waiting] = []
        others: list[Waiting] = []
        while self._queue and len(batch) < size:
            item = self._queue.popleft()
            (batch if item.run is run else others).append(item)
        self._queue.extendleft(reversed(others))
        return [item for item in batch if item.answer.set_running_or_notify_cancel()]

    def _may_take(self, is_lone: bool) -> bool:
        if not self._queue or self._busy == self._lanes:
            return False
        first_is_lone = self._busy == 0 and len(self._queue) == 1 and self._queue[0].is_lone
        return is_lone == first_is_lone

    def _seconds_to_wait(self) -> float | None:
        """Until the oldest image has waited long enough for company; None if it need not wait."""
        if not self._queue or len(self._queue) >= self._max_batch or not self._wait_seconds:
            return None
        left = self._queue[0].since + self._wait_seconds - time.monotonic()
        return left if left > 0 and self._is_more_coming() else None


def _answer(batch: list[Waiting]) -> None:
    run, crops, answers = batch[0].run, [item.crop for item in batch], [item.answer for item in batch]
    batch.clear()
    began = time.perf_counter()
    try:
        rows = run(stack(crops)).unbind()  # of (N, K)
        if len(rows) != len(answers):
            raise ArtifactError(
                f"The model answers {len(answers)} images with {len(rows)} rows; export the artifact again."
            )
    except BaseException as error:  # whatever it is, each request must hear of it, and the lane must live on
        for answer in answers:
            answer.set_exception(error)
        return
    ended = time.perf_counter()
    del run  # a model that is unloaded once its last answer is told must not live on in a lane
    for answer, row in zip(answers, rows, strict=True):
        answer.set_result(Answer(row, began, ended))


def use_threads(number: int) -> None:
    """How many threads torch may use on behalf of the calling one. Others keep their number."""
    torch.get_num_threads()  # the first call in a thread sets it to what any thread has set last
    torch.set_num_threads(number)
