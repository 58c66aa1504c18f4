"""Each test in a process of its own, as what is imported stays so."""

import os
import subprocess
import sys

from tests.job_folder import PROJECT_DIR, JobFolder

CORE = "torch._dynamo.symbolic_convert"  # of the compiler
LOADED = f"{CORE!r} in sys.modules"


def run(program: str) -> list[str]:
    """The lines that the program prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=PROJECT_DIR, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_toolkits_script_ends_a_job_without_the_compiler(job_folder: JobFolder) -> None:
    job_folder.configure(fine_tune="head", feature_cache="on").add_channels(train=8, valid=4)
    script = PROJECT_DIR / "container" / "training" / "train.py"
    environ = {**os.environ, **job_folder.environ, "PYTHONPATH": str(PROJECT_DIR)}
    command = [sys.executable, "-X", "importtime", str(script)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert (done.returncode, job_folder.model_path.is_file()) == (0, True), done.stderr[-500:]
    assert {"torchvision", "torch.optim.adam"} <= imported
    assert CORE not in imported


def test_whoever_compiles_gets_the_whole_compiler() -> None:
    program = f"""
import sys
from container.training.lazy_dynamo import put_off_dynamo
put_off_dynamo()
import torch, torchvision
parameter = torch.nn.Parameter(torch.ones(2))
optimizer = torch.optim.SGD([parameter], 0.5)
parameter.sum().backward()
optimizer.step()
optimizer.zero_grad()
print(parameter.tolist(), {LOADED})
double = torch.compile(lambda tensor: tensor * 2, backend="eager")
print(double(torch.ones(2)).tolist(), {LOADED})
import torch._dynamo.config
from torch._dynamo.utils import counters
print(torch._dynamo.config.__name__, torch._dynamo is sys.modules["torch._dynamo"], hasattr(torch._dynamo, "__file__"))
parameter.sum().backward()
optimizer.step()
print(parameter.tolist())
"""
    assert run(program) == [
        "[0.5, 0.5] False",
        "[2.0, 2.0] True",
        "torch._dynamo.config True True",
        "[0.0, 0.0]",
    ]


def test_a_submodule_can_be_the_first_that_is_asked_for() -> None:
    program = f"""
import sys
from container.training.lazy_dynamo import put_off_dynamo
put_off_dynamo()
import torch._dynamo.external_utils
import torch
print(torch._dynamo.external_utils.__name__, {LOADED}, torch._dynamo.utils.__file__ is not None)
"""
    assert run(program) == ["torch._dynamo.external_utils True True"]


def test_what_looks_through_all_modules_does_not_load_it() -> None:
    program = f"""
import inspect, sys
from container.training.lazy_dynamo import put_off_dynamo
put_off_dynamo()
import torch
print(inspect.getmodule(lambda: None) is not None, {LOADED})
print(torch.compiler.disable(len)([1, 2]), torch.compiler.disable()(len)([1]), {LOADED})
"""
    assert run(program)[-1] == "2 1 False"


def test_a_compiler_that_is_there_stays() -> None:
    program = """
import sys
import torch._dynamo
before = sys.modules["torch._dynamo"]
from container.training.lazy_dynamo import put_off_dynamo
put_off_dynamo()
print(sys.modules["torch._dynamo"] is before)
"""
    assert run(program) == ["True"]
