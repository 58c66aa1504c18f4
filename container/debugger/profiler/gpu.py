"""How busy and how full every GPU is, asked of NVIDIA's management library (NVML), which comes with the driver."""

import ctypes
from dataclasses import dataclass

LIBRARY = "libnvidia-ml.so.1"
SUCCESS = 0


class Utilization(ctypes.Structure):
    """nvmlUtilization_t: percent of the last sample period."""

    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class Memory(ctypes.Structure):
    """nvmlMemory_t: bytes."""

    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


@dataclass(frozen=True)
class GpuSample:
    """Percent, from 0 to 100; None where the driver does not say, as for a part of a GPU that is split up (MIG)."""

    index: int
    utilization: float | None
    memory: float | None  # used, of all its memory


class Gpus:
    """Every GPU that the driver shows; none where there is no driver."""

    def __init__(self, library: str = LIBRARY) -> None:
        self._handles: list[ctypes.c_void_p] = []
        try:
            self._nvml = ctypes.CDLL(library)
        except OSError:
            return
        count = ctypes.c_uint()
        if self._call("nvmlInit_v2") and self._call("nvmlDeviceGetCount_v2", ctypes.byref(count)):
            self._handles = [self._handle(index) for index in range(count.value)]

    def read(self) -> list[GpuSample]:
        return [
            GpuSample(index, self._utilization(handle), self._memory(handle))
            for index, handle in enumerate(self._handles)
            if handle.value is not None
        ]

    def _handle(self, index: int) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()  # stays empty for a GPU that has fallen off the bus
        self._call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
        return handle

    def _utilization(self, handle: ctypes.c_void_p) -> float | None:
        rates = Utilization()
        return float(rates.gpu) if self._call("nvmlDeviceGetUtilizationRates", handle, ctypes.byref(rates)) else None

    def _memory(self, handle: ctypes.c_void_p) -> float | None:
        memory = Memory()
        known = self._call("nvmlDeviceGetMemoryInfo", handle, ctypes.byref(memory)) and memory.total > 0
        return 100 * memory.used / memory.total if known else None

    def _call(self, name: str, *arguments: object) -> bool:
        """Whether the library has the function and it succeeded."""
        function = getattr(self._nvml, name, None)
        return function is not None and function(*arguments) == SUCCESS
