import subprocess
import sys

import pytest

# A thread takes large blocks and gives them back, as requests do; how many page faults does that cost after a while?
PROGRAM = """
import resource
from container.serving.memory import keep_memory
import numpy as np
assert keep_memory()
def work():
    blocks = [np.ones(2**19 * size, np.uint8) for size in range(1, 7)]
    del blocks
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    work()
before = faults()
for _ in range(100):
    work()
print(faults() - before)
"""
MAPPED_ANEW = 2560  # faults of one round, 10 MiB, where the system gives and takes all of it


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
def test_memory_that_is_kept_is_not_mapped_anew_for_every_image() -> None:
    finished = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    assert int(finished.stdout) < MAPPED_ANEW  # in a hundred rounds
