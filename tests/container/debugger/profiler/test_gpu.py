"""A small library with NVML's functions, compiled here, stands for the driver's."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from container.debugger.profiler.gpu import Gpus, GpuSample

Build = Callable[..., str]

# Two healthy GPUs, one that is split up (no utilization: 3 is NVML_ERROR_NOT_SUPPORTED) and one that is lost (15).
SOURCE = """
typedef struct { unsigned gpu, memory; } rates;
typedef struct { unsigned long long total, free, used; } sizes;
static int devices[4];
int nvmlInit_v2(void) { return INIT; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 4; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    if (index == 3) return 15;
    *handle = &devices[index];
    return 0;
}
int nvmlDeviceGetUtilizationRates(void *handle, rates *out) {
    long index = (int *)handle - devices;
    if (index == 2) return 3;
    out->gpu = 40 + index; out->memory = 99;
    return 0;
}
int nvmlDeviceGetMemoryInfo(void *handle, sizes *out) {
    long index = (int *)handle - devices;
    out->total = 80ULL << 30; out->used = (20ULL << 30) * (index + 1); out->free = out->total - out->used;
    return 0;
}
"""


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """A function: what nvmlInit returns, source -> path of the library."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc: apt-get install gcc")

    def compile_library(init: int = 0, source: str = SOURCE) -> str:
        library = tmp_path / "libnvml.so"
        command = ["gcc", "-shared", "-fPIC", f"-DINIT={init}", "-x", "c", "-", "-o", str(library)]
        subprocess.run(command, input=source, text=True, check=True)
        return str(library)

    return compile_library


def test_without_a_driver_there_are_no_gpus() -> None:
    assert Gpus("libnvidia-ml-that-is-not-there.so.1").read() == []


def test_every_gpu_tells_how_busy_and_how_full_it_is(build: Build) -> None:
    samples = Gpus(build()).read()
    assert samples[:2] == [GpuSample(0, 40.0, 25.0), GpuSample(1, 41.0, 50.0)]


def test_what_the_driver_does_not_say_is_none_and_a_lost_gpu_is_left_out(build: Build) -> None:
    assert Gpus(build()).read()[2:] == [GpuSample(2, None, 75.0)]


def test_a_driver_that_cannot_start_shows_no_gpus(build: Build) -> None:
    assert Gpus(build(init=9)).read() == []


def test_a_library_that_lacks_a_function_gives_no_values(build: Build) -> None:
    source = SOURCE.replace("nvmlDeviceGetMemoryInfo", "nvmlOther")
    assert Gpus(build(source=source)).read()[0] == GpuSample(0, 40.0, None)
