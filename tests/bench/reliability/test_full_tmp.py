"""A server without room in /tmp."""

import sys

import pytest

from bench.loops import PROJECT_DIR
from bench.reliability import full_tmp
from bench.reliability.full_tmp import with_full_tmp
from bench.reliability.ground import MissingToolError
from tests.bench.reliability.stubs import ON_DISK, stub
from tests.bench.reliability.verdicts import missed, missed_counts, values

NEEDS_MOUNTS = pytest.mark.skipif(
    sys.platform != "linux" or PROJECT_DIR.is_relative_to("/tmp"), reason="needs Linux, and a project outside of /tmp"
)


@NEEDS_MOUNTS
def test_the_real_server_needs_no_room_in_tmp(real) -> None:
    records = full_tmp.measure(real)
    assert missed_counts(records) == set()
    assert values(records)["bytes free in /tmp"] == 0


@NEEDS_MOUNTS
def test_a_server_that_keeps_bodies_in_tmp_misses_its_goal(bad) -> None:
    assert "bodies of 25 MB answered as they deserve, of 4" in missed(full_tmp.measure(bad(stub(ON_DISK))))


@NEEDS_MOUNTS
def test_where_mounts_are_refused_one_sentence_says_what_is_needed(real, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="mounts of their own"):
        with_full_tmp(real.side("refused"), real.base_dir)
