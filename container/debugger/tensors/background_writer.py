"""Tensors -> smdebug's files, written by one thread while training goes on.

smdebug waits at each step until the files of the step before are on the disk. Here a step's tensors are handed over,
and the parts of smdebug that know its format write them from the thread.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from smdebug.core.locations import IndexFileLocationUtils, TensorFileLocation, TensorLocation, TensorShape
from smdebug.core.tfevent.events_writer import EventsWriter
from smdebug.core.tfevent.index_file_writer import IndexWriter
from smdebug.core.tfevent.proto.event_pb2 import Event
from smdebug.core.tfevent.proto.summary_pb2 import Summary
from smdebug.core.tfevent.summary import make_numpy_array
from smdebug.core.utils import get_relative_event_file_path
from smdebug.core.writer import FileWriter

from container.debugger.tensors.tensor_proto import make_tensor_proto

MAX_WAITING_BYTES = 512 * 2**20  # training waits for the disk beyond that, as memory is bounded


@dataclass
class StepFiles:
    """What smdebug calls the writer of one step: keeps its tensors until it is closed, then hands them over."""

    step: int
    hand_over: Callable[["StepFiles"], None]
    tensors: list[dict[str, Any]] = field(default_factory=list)
    shapes: list[TensorShape] = field(default_factory=list)

    def write_tensor(self, **tensor: Any) -> None:
        self.tensors.append(tensor)

    def write_shape(self, name: str, shape: Any, mode: Any, mode_step: int, original_name: str | None = None) -> None:
        self.shapes.append(TensorShape(name, mode.name, mode_step, shape, original_name))

    def flush(self) -> None:
        """Nothing: `close` hands over."""

    def close(self) -> None:
        self.hand_over(self)

    @property
    def num_bytes(self) -> int:
        return sum(np.asarray(tensor["tdata"]).nbytes for tensor in self.tensors)


class BackgroundWriter:
    """One thread that writes steps in their order. `failed` is called once, from that thread, if writing fails."""

    def __init__(self, folder: str, worker: str, failed: Callable[[Exception], None]) -> None:
        self._folder, self._worker, self._failed = folder, worker, failed
        self._steps: queue.Queue[StepFiles | None] = queue.Queue()
        self._room = threading.Condition()
        self._waiting_bytes = 0
        self._is_broken = False
        self._thread = threading.Thread(target=self._run, name="tensor writer", daemon=True)
        self._thread.start()

    def open_step(self, step: int) -> StepFiles:
        return StepFiles(step, self._add)

    def close(self) -> None:
        """Return once everything is on the disk, or writing has failed."""
        self._steps.put(None)
        self._thread.join()

    def _add(self, files: StepFiles) -> None:
        size = files.num_bytes
        with self._room:
            # A step larger than the bound passes alone.
            self._room.wait_for(lambda: self._waiting_bytes == 0 or self._waiting_bytes + size <= MAX_WAITING_BYTES)
            self._waiting_bytes += size
        self._steps.put(files)

    def _run(self) -> None:
        while (files := self._steps.get()) is not None:
            try:
                if not self._is_broken:
                    self._write(files)
            except Exception as error:  # a full disk, most likely; training must not notice
                self._is_broken = True
                self._failed(error)
            finally:
                with self._room:
                    self._waiting_bytes -= files.num_bytes
                    self._room.notify()

    def _write(self, files: StepFiles) -> None:
        path = Path(TensorFileLocation(files.step, self._worker).get_file_location(self._folder))
        path.parent.mkdir(parents=True, exist_ok=True)  # a record writer that cannot open its file leaves a traceback
        events = EventsWriter(str(path))
        index = IndexWriter(IndexFileLocationUtils.get_index_key_for_step(self._folder, files.step, self._worker))
        try:
            for tensor in files.tensors:
                index.add_index(_write_tensor(events, files.step, self._worker, **tensor))
            for shape in files.shapes:
                index.add_shape(shape)
        finally:
            events.close()
        index.close()  # last, and not after an error: readers look for it first


def _write_tensor(
    events: EventsWriter,
    step: int,
    worker: str,
    *,
    tdata: Any,
    tname: str,
    mode: Any,
    mode_step: int,
    timestamp: float | None = None,
) -> TensorLocation:
    """Append one tensor to the step's file, and say where. Not by smdebug's FileWriter, which hangs on a full disk."""
    tensor = make_tensor_proto(nparray_data=make_numpy_array(tdata), tag=tname)
    value = Summary.Value(tag=tname, metadata=FileWriter._get_metadata(mode, mode_step), tensor=tensor)
    event = Event(summary=Summary(value=[value]), wall_time=timestamp or time.time(), step=step)
    start, length = events.write_event(event)
    file_name = get_relative_event_file_path(events.name())
    return TensorLocation(tname, mode.name, mode_step, file_name, start, length, worker)
