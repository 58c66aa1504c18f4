import json
import logging

import pytest

from container.serving.json_log import LOGGER, configure, log_event


@pytest.fixture(autouse=True)
def restore_logger():
    before = (LOGGER.handlers[:], LOGGER.level, LOGGER.propagate)
    yield
    LOGGER.handlers[:], LOGGER.level, LOGGER.propagate = before


def test_an_event_is_one_line_of_json_whatever_it_holds(capsys):
    configure("info")
    log_event("request", path="/a\nb", status=200)
    (line,) = capsys.readouterr().out.splitlines()
    event = json.loads(line)
    assert (event["event"], event["level"], event["path"], event["status"]) == ("request", "info", "/a\nb", 200)


def test_events_below_the_level_are_left_out(capsys):
    configure("warning")
    log_event("request")
    log_event("trouble", logging.ERROR)
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["trouble"]


def test_a_traceback_stays_in_its_line(capsys):
    configure("info")
    try:
        raise ValueError("lost")
    except ValueError:
        log_event("failed", logging.ERROR, exc_info=True)
    (line,) = capsys.readouterr().out.splitlines()
    assert "ValueError: lost" in json.loads(line)["traceback"]
