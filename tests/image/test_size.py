"""How much the image adds to its base, and that what was left out for it is not missed."""

import pytest

from standin_base import build_standin

pytestmark = pytest.mark.docker

MOST_ADDED_MB = 300

TRAINING = """
import sys
import sagemaker_training.trainer, sagemaker_training.entry_point, sagemaker_training.runner, sagemaker_training.mpi
import sagemaker_training.modules, sagemaker_training.intermediate_output, sagemaker_training.torch_distributed
import container.training.job, container.training.launch, smdebug.pytorch, smdebug.trials, smdebug.rules, pandas
assert not {"scipy", "gevent"} & set(sys.modules), "something imported what is not there"
"""
SERVICES = """
import boto3
for name in ("s3", "sts", "sso", "sso-oidc", "sagemaker", "sagemaker-runtime", "logs", "sns", "codeartifact"):
    boto3.client(name, region_name="eu-west-1")
boto3.resource("s3")
from botocore.exceptions import UnknownServiceError
try:
    boto3.client("ec2", region_name="eu-west-1")
except UnknownServiceError as error:
    print(error)
"""
FIGURE = """
import io, matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot
for kind in ("png", "pdf", "svg"):
    figure = pyplot.figure()
    figure.gca().set_title(r"$\\alpha$ and text")
    out = io.BytesIO()
    figure.savefig(out, format=kind)
    assert len(out.getvalue()) > 1000
print("drawn")
"""


def test_the_image_adds_300_mb_to_its_base_at_most(docker, inspected):
    added_mb = (inspected["Size"] - docker.size_bytes(build_standin(docker, []))) / 1e6
    print(f"image: {added_mb:.0f} MB more than its base")
    assert added_mb <= MOST_ADDED_MB


def test_training_imports_nothing_that_was_left_out(run_image):
    done = run_image("python", "-c", TRAINING)
    assert done.returncode == 0, done.stderr


def test_the_training_toolkit_says_that_it_is_not_as_released(run_image):
    # pip is asked for what it would install, from no index at all: for the release nothing, for the extra scipy.
    install = "pip install --disable-pip-version-check --dry-run --no-index"
    commands = (
        f"pip show sagemaker-training; {install} sagemaker-training==4.9.0; {install} sagemaker-training[encoders]"
    )
    done = run_image("sh", "-c", commands)
    assert "Version: 4.9.0+slim" in done.stdout
    (requires,) = (line for line in done.stdout.splitlines() if line.startswith("Requires: "))
    assert "paramiko" in requires
    assert not {"scipy", "gevent"} & set(requires.replace(",", "").split())
    assert "Requirement already satisfied: sagemaker-training==4.9.0" in done.stdout
    assert "No matching distribution found for scipy" in done.stderr


def test_services_of_aws_that_training_calls_are_known_and_others_are_named_as_unknown(run_image):
    done = run_image("python", "-c", SERVICES)
    assert done.returncode == 0, done.stderr
    assert "Unknown service: 'ec2'. Valid service names are: " in done.stdout


def test_pictures_are_drawn_with_the_fonts_that_are_left(run_image):
    done = run_image("python", "-c", FIGURE)
    assert done.stdout == "drawn\n", done.stderr
