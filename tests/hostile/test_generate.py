import os
from collections import Counter
from itertools import islice

import pytest

from tests.hostile.__main__ import check_workers, main
from tests.hostile.case import Sent, Wire
from tests.hostile.generate import FAMILIES, SHARES, body_names, heavy_names, make_case, wire_names
from tests.hostile.outcome import Outcome, problem_of, problems, table

LIGHT = [name for name in body_names(3, 4000) if not name.startswith("heavy")]


def test_a_seed_names_the_same_cases_every_time_and_another_seed_others():
    assert list(body_names(5, 300)) == list(body_names(5, 300))
    assert set(body_names(5, 300)).isdisjoint(body_names(6, 300))


@pytest.mark.parametrize("name", [*islice(LIGHT, 0, 400), *wire_names(3, 60)])
def test_a_case_is_made_again_from_its_name_alone(name):
    assert make_case(name) == make_case(name)


def test_names_of_a_seed_are_all_different_and_their_bodies_nearly_all():
    assert len(set(LIGHT)) == len(LIGHT)
    assert len({make_case(name).sent for name in LIGHT[:1500]}) > 1200  # a few kinds have few variants


def test_every_kind_of_every_family_comes_up():
    seen = Counter(name.rpartition("/")[0] for name in (*LIGHT, *wire_names(3, 60), *heavy_names(3)))
    assert set(seen) == {f"{family}/{kind}" for family, kinds in FAMILIES.items() for kind in kinds}
    assert sum(SHARES.values()) == 1000


def test_bodies_are_sent_whole_and_wires_in_pieces():
    assert {type(make_case(name).sent) for name in LIGHT[:50]} == {Sent}
    assert {type(make_case(name).sent) for name in wire_names(3, 50)} == {Wire}


@pytest.mark.parametrize(
    ("status", "seconds", "problem"),
    [(200, 1, ""), (400, 4.9, ""), (501, 0, ""), (500, 0, "status 500"), (503, 0, "status 503"), (200, 5.1, "5.1 s")],
)
def test_what_is_forbidden(status, seconds, problem):
    assert problem_of(status, seconds) == problem


def test_the_table_counts_by_family_and_names_what_is_forbidden():
    outcomes = [
        *(Outcome("png/a/1", 200, 0.1), Outcome("png/b/2", 400, 0.3, 20.0), Outcome("http/c/3", 0, 0.0)),
        Outcome("png/d/4", 500, 0.2, problem="status 500"),
    ]
    lines = table(outcomes).splitlines()
    assert lines[1].split() == ["png", "3", "1", "0.30", "s", "20", "MiB", "200:", "1", "400:", "1", "500:", "1"]
    assert lines[-1] == "FORBIDDEN  png/d/4: status 500"
    assert problems(outcomes) == ["png/d/4: status 500"]


def test_a_worker_that_ended_or_grew_too_large_is_forbidden():
    own, ended = os.getpid(), 2**22
    found = check_workers([own, ended], [own], most_mib=1.0)
    assert [outcome.problem.split()[-1] for outcome in found] == ["MiB", "ended"]
    assert problems(check_workers([own], [own], most_mib=1e6)) == []


def test_one_case_can_be_tried_or_written_alone(tmp_path, capsys):
    name = "png/text-bomb/3.1"
    assert main(["--case", name]) == 0
    assert name in capsys.readouterr().out
    assert main(["--case", name, "--save", str(tmp_path / "case")]) == 0
    sent = make_case(name).sent
    assert isinstance(sent, Sent)
    assert (tmp_path / "case").read_bytes() == sent.body
