"""Rows about GET /ping: quick, also under load, and never 200 without a model."""

import time

from local_test.check_contract import sources
from local_test.check_contract.engine import mount
from local_test.check_contract.exchange import duration
from local_test.check_contract.lab import MODEL_DIR, Lab
from local_test.check_contract.load import measured_load
from local_test.check_contract.repeated import answers_until_bad, is_quick, usual_and_worst
from local_test.check_contract.row import (
    Mode,
    Outcome,
    failed,
    judged,
    not_applicable,
    passed,
    recommended,
    required,
    warned,
)
from local_test.check_contract.server import PING_SECONDS
from local_test.check_contract.unhealthy import Unhealthy, watch

NUM_PINGS = 20


@required(
    "ping-quick",
    Mode.HOSTING,
    "GET /ping is 200 within 2 s, every time.",
    sources.HOSTING,
)
def quick(lab: Lab) -> Outcome:
    answers = answers_until_bad(lab.server().ping, NUM_PINGS, PING_SECONDS)
    if not is_quick(answers[-1], PING_SECONDS):
        return failed(f"GET /ping: {answers[-1]}")
    return passed(f"GET /ping: {usual_and_worst(answers)}")


@required(
    "ping-under-load",
    Mode.HOSTING,
    "/ping stays 200 within 2 s while the model is busy; an instance that does not answer is replaced.",
    sources.HOSTING,
)
def under_load(lab: Lab) -> Outcome:
    load = measured_load(lab)
    slowest = max(answer.seconds for answer in load.pings)
    bad = next((answer for answer in load.pings if not is_quick(answer, PING_SECONDS)), None)
    if bad is not None:
        return failed(f"GET /ping: {bad}, beside {load}")
    return passed(f"{len(load.pings)} pings: 200, at worst {duration(slowest)}, beside {load}")


@required(
    "ping-missing-model",
    Mode.HOSTING,
    "Without a model /ping is not 200, so that nothing is sent to a container that cannot answer.",
    sources.HOSTING,
)
def missing_model(lab: Lab) -> Outcome:
    return never_ready(lab, without_model(lab))


@recommended(
    "ping-missing-model-503",
    Mode.HOSTING,
    "Without a model the container stays up and answers /ping with 503: its log can be read, and nothing restarts it.",
    sources.HOSTING,
)
def missing_model_503(lab: Lab) -> Outcome:
    return stays_up(without_model(lab))


@required(
    "ping-broken-model",
    Mode.HOSTING,
    "With a broken model /ping is not 200.",
    sources.HOSTING,
)
def broken_model(lab: Lab) -> Outcome:
    return never_ready(lab, with_broken_model(lab))


@recommended(
    "ping-broken-model-503",
    Mode.HOSTING,
    "With a broken model the container stays up and answers /ping with 503.",
    sources.HOSTING,
)
def broken_model_503(lab: Lab) -> Outcome:
    return stays_up(with_broken_model(lab))


def without_model(lab: Lab) -> Unhealthy:
    return lab.once("unhealthy", lambda: watch_both(lab))[0]


def with_broken_model(lab: Lab) -> Unhealthy:
    return lab.once("unhealthy", lambda: watch_both(lab))[1]


def watch_both(lab: Lab) -> tuple[Unhealthy, Unhealthy]:
    """A container without a model and one with a broken one, started together, as both have to be waited for."""
    # As long as it may take a good model to load, a bad one may take to be found out.
    seconds = max(3.0, 1.2 * lab.server().seconds_until_ready)
    empty = mount(lab.new_folder("no-model"), MODEL_DIR, read_only=True)
    broken = mount(lab.broken_model_dir(), MODEL_DIR, read_only=True)
    with lab.start_serving(empty) as first, lab.start_serving(broken) as second:
        started = time.monotonic()
        request = lab.subject.request
        return watch(first, request, started, seconds), watch(second, request, started, seconds)


def never_ready(lab: Lab, found: Unhealthy) -> Outcome:
    if found.invocation is not None and found.invocation.ok:
        return not_applicable(f"the model is not in {MODEL_DIR}: invocation: {found.invocation}")
    return judged(found.ping.status != 200, str(found))


def stays_up(found: Unhealthy) -> Outcome:
    if found.invocation is not None and found.invocation.ok:
        return not_applicable(f"the model is not in {MODEL_DIR}: invocation: {found.invocation}")
    if found.exit_status is not None or found.ping.status == 200:
        return failed(str(found))
    return passed(str(found)) if found.ping.status == 503 else warned(str(found))


ROWS = (quick, under_load, missing_model, missing_model_503, broken_model, broken_model_503)
