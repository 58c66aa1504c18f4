import subprocess
import sys

import pytest

# Two threads take large blocks and give them back, as requests do; how many page faults does that cost?
PROGRAM = """
import resource, sys, threading
from container.serving.memory import keep_memory
import numpy as np
if sys.argv[1] == "kept":
    assert keep_memory()
def work():
    for _ in range(150):
        blocks = [np.ones(2**19 * size, np.uint8) for size in range(1, 7)]
        del blocks
threads = [threading.Thread(target=work) for _ in range(2)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    return int(subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
def test_memory_that_is_kept_is_not_mapped_anew_for_every_image():
    assert page_faults("kept") < page_faults("default") / 4
