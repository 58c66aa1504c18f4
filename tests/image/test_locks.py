"""The three lock files agree, so that what is tested is what ships."""

import re
from pathlib import Path

import pytest

from link_torch import normalised

DOCKER_DIR = Path(__file__).parents[2] / "docker"


def pins(name: str) -> set[str]:
    """`name==version` of each line; for which Python and system it is needed may differ."""
    lines = (DOCKER_DIR / f"{name}.txt").read_text().splitlines()
    return {line.partition(" ;")[0] for line in lines if line and not line.startswith("#")}


def wanted(name: str) -> set[str]:
    lines = [line.split("#")[0].strip() for line in (DOCKER_DIR / f"{name}.in").read_text().splitlines()]
    return {normalised(re.split(r"[\[<>=]", line)[0]) for line in lines if line and not line.startswith("-")}


@pytest.mark.parametrize("name", ["requirements", "requirements-torch"])
def test_every_pin_is_the_development_environment_s(name):
    assert pins(name) - pins("requirements-dev") == set()


@pytest.mark.parametrize("name", ["requirements", "requirements-torch", "requirements-dev"])
def test_the_lock_pins_all_that_its_source_asks_for(name):
    assert wanted(name) - {line.split("==")[0] for line in pins(name)} == set()


def test_the_image_s_lock_never_installs_torch():
    assert not [line for line in pins("requirements") if re.match(r"(torch|nvidia|cuda|triton)", line)]
