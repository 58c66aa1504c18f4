"""Show what a job or an endpoint has logged: the one named, or the latest of the project."""

import argparse
import datetime
import os
import re
import time
from typing import Any

from deploy.aws import POLL_SECONDS, POLL_VARIABLE
from deploy.context import Context
from deploy.errors import DeployError, NotFoundError
from deploy.requests.log_query import GROUPS, log_query

HELP = "show the log of a job or an endpoint"
EXAMPLES = """examples:
  python -m deploy logs
  python -m deploy logs image-classifier-train-1a2b3c4d --since 30m --follow"""
STATE_KEYS = {
    "training_job": "TrainingJob",
    "tuning_job": "HyperParameterTuningJob",
    "transform_job": "TransformJob",
    "endpoint": "Endpoint",
}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
RUNNING = {"InProgress", "Stopping"}
LATE_MILLISECONDS = 60_000  # lines of several hosts may arrive later than younger ones


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="JOB|ENDPOINT", help="(default: the latest of the project)")
    parser.add_argument("--follow", action="store_true", help="go on until the job is over, or until Ctrl-C")
    parser.add_argument("--since", type=duration, default=None, metavar="30m", help="the last 30m, 2h or 7d only")


def duration(text: str) -> int:
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 90s, 30m, 2h or 7d")
    return int(found[1]) * UNITS[found[2]]


def run(context: Context) -> None:
    if context.aws.dry_run:
        return  # it changes nothing, so there is nothing to print
    name = context.options.name
    noun, name = kind_of(context, name) if name else latest(context)
    since = context.options.since
    start = 0 if since is None else int((time.time() - since) * 1000)
    shown: dict[str, int] = {}  # event -> its time
    while True:
        over = not context.options.follow or is_over(context, noun, name)  # asked before the log is read
        show(context, log_query(noun, name, start), shown)
        if over:
            break
        if shown:
            start = max(start, max(shown.values()) - LATE_MILLISECONDS)
            shown = {event: moment for event, moment in shown.items() if moment >= start}
        time.sleep(float(os.environ.get(POLL_VARIABLE, POLL_SECONDS)))
    if not shown:
        raise DeployError(f"{name} has logged nothing{' in that time' if since else ' yet'}.")


def show(context: Context, query: dict[str, Any], shown: dict[str, int]) -> None:
    """Print the lines that have not been shown yet, and add them."""
    try:
        for event in context.aws.pages("logs", "FilterLogEvents", "events", **query):
            if event["eventId"] not in shown:
                shown[event["eventId"]] = event["timestamp"]
                print(event["message"].rstrip("\n"), flush=True)
    except NotFoundError:  # the group appears with its first line
        return


def kind_of(context: Context, name: str) -> tuple[str, str]:
    for noun in GROUPS:
        if context.aws.exists("sagemaker", f"Describe{noun}", **{f"{noun}Name": name}):
            return noun, name
    raise DeployError(
        f"There is no job or endpoint named {name} in {context.aws.region}; see `python -m deploy status`."
    )


def latest(context: Context) -> tuple[str, str]:
    """The youngest of those that the state knows."""
    found: list[tuple[datetime.datetime, str, str]] = []
    for key, noun in STATE_KEYS.items():
        name = context.state.get(key)
        try:
            answer = context.aws.read("sagemaker", f"Describe{noun}", **{f"{noun}Name": name}) if name else None
        except NotFoundError:
            continue
        if answer:
            found.append((answer["CreationTime"], noun, name))
    if not found:
        raise DeployError("The project has no job or endpoint yet; run `python -m deploy train` first.")
    return max(found)[1:]


def is_over(context: Context, noun: str, name: str) -> bool:
    """Whether nothing more will be logged; an endpoint goes on for ever."""
    if noun == "Endpoint":
        return False
    answer = context.aws.read("sagemaker", f"Describe{noun}", **{f"{noun}Name": name})
    return answer[f"{noun}Status"] not in RUNNING
