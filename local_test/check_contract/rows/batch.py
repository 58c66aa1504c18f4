"""Rows about batch transform."""

import json
from collections.abc import Callable
from typing import Any

from local_test.check_contract import sources
from local_test.check_contract.exchange import Answer
from local_test.check_contract.lab import BATCH_PAYLOAD_MB, Lab
from local_test.check_contract.row import (
    Mode,
    Outcome,
    failed,
    judged,
    not_applicable,
    only_on_aws,
    passed,
    recommended,
    required,
)
from local_test.check_contract.rows.invocations import shown
from local_test.check_contract.subject import Lines, read_records

STRATEGIES = ("SINGLE_RECORD", "MULTI_RECORD")
TOTAL_MB = 100
REFUSED_LINES = (406, 415)  # the image does not take lines at all
Join = Callable[[tuple[bytes, ...]], bytes]  # records -> a request's body
NO_LINES = "no records as lines are known for this image; give some with --lines"


@required(
    "batch-environment",
    Mode.BATCH,
    "With SAGEMAKER_BATCH=true and the transform job's variables set, it serves as ever.",
    sources.BATCH,
)
def environment(lab: Lab) -> Outcome:
    server = lab.batch_server()
    ping, answer = server.ping(), server.invoke(lab.subject.request)
    return judged(ping.status == 200 and answer.ok, f"GET /ping: {ping}, invocation: {answer}")


@required(
    "batch-execution-parameters",
    Mode.BATCH,
    "GET /execution-parameters is 404, or JSON in which concurrency x payload is at most 100 MB.",
    sources.BATCH,
)
def execution_parameters(lab: Lab) -> Outcome:
    answer = lab.batch_server().address.ask("GET", "/execution-parameters")
    if answer.status == 404:
        return passed("404: the job's own values or the defaults are used")
    problem = parameter_problem(answer)
    return failed(problem) if problem else passed(f"{answer}: {shown(answer)}")


@recommended(
    "batch-local-strategy",
    Mode.BATCH,
    "BatchStrategy is left out of /execution-parameters: the SDK's local mode spells its values in another way.",
    sources.SDK_ENTITIES,
)
def local_strategy(lab: Lab) -> Outcome:
    answer = lab.batch_server().address.ask("GET", "/execution-parameters")
    if not answer.ok:
        return not_applicable(f"GET /execution-parameters: {answer.status}")
    strategy = parsed(answer).get("BatchStrategy")
    return judged(strategy is None, "BatchStrategy is left out" if strategy is None else f"BatchStrategy is {strategy}")


@recommended(
    "batch-max-payload",
    Mode.BATCH,
    "A body as large as SAGEMAKER_MAX_PAYLOAD_IN_MB allows (up to 100 MB) is not refused for its size.",
    sources.TRANSFORM_API,
)
def max_payload(lab: Lab) -> Outcome:
    request = lab.subject.request
    body = request.of_size(BATCH_PAYLOAD_MB * 2**20)
    answer = lab.batch_server().post(body, request.headers)
    good = answer.ok if request.can_be_padded else answer.ok or (answer.refused and answer.status != 413)
    return judged(good, f"SAGEMAKER_MAX_PAYLOAD_IN_MB={BATCH_PAYLOAD_MB}, {len(body) / 2**20:.0f} MB: {answer}")


@required(
    "batch-lines",
    Mode.BATCH,
    "With SplitType Line and several records in a request, every line of the body gets one line of the answer.",
    sources.BATCH,
)
def lines(lab: Lab) -> Outcome:
    return line_for_line(lab, b"\n".join, "")


@required(
    "batch-last-newline",
    Mode.BATCH,
    "The newline at the body's end begins no further record.",
    sources.BATCH,
)
def last_newline(lab: Lab) -> Outcome:
    return line_for_line(lab, lambda records: b"\n".join(records) + b"\n", " and a newline at the end")


@recommended(
    "batch-empty-lines",
    Mode.BATCH,
    "Empty lines, and lines that end in CR LF, do no harm: they get no answer each, or all of them one.",
    sources.BATCH,
)
def empty_lines(lab: Lab) -> Outcome:
    def join(records: tuple[bytes, ...]) -> bytes:
        return b"\r\n\r\n".join(records) + b"\n\n"

    num_empty = 0 if lab.subject.lines is None else len(lab.subject.lines.records)
    return line_for_line(lab, join, " with empty lines between them", extras=(0, num_empty))


@recommended(
    "batch-broken-line",
    Mode.BATCH,
    "A broken record gets a line that says so in its place, and the others their answers: else the whole file is lost.",
    sources.BATCH,
)
def broken_line(lab: Lab) -> Outcome:
    def with_broken(records: tuple[bytes, ...]) -> bytes:
        return b"\n".join([records[0], b"{this is no record", *records[1:]])

    return line_for_line(lab, with_broken, " and a broken one", extras=(1,))


results = only_on_aws(
    "batch-assemble",
    Mode.BATCH,
    "Answers are assembled into KEY.out; one object that fails, fails the job.",
    sources.BATCH,
    "the platform splits and assembles objects in S3",
)


def line_for_line(lab: Lab, join: Join, how: str, extras: tuple[int, ...] = (0,)) -> Outcome:
    """Whether the answer to the joined records has a line for each, and as many more as one of `extras`."""
    given = lab.subject.lines
    if given is None:
        return not_applicable(NO_LINES)
    answer = lab.batch_server().post(join(given.records), given.headers)
    if answer.status in REFUSED_LINES:
        return not_applicable(f"{given.content_type}: {answer}; the image takes no lines")
    return compare(given, answer, how, extras)


def compare(given: Lines, answer: Answer, how: str, extras: tuple[int, ...]) -> Outcome:
    if not answer.ok:
        return failed(f"{len(given.records)} records{how}: {answer}: {shown(answer)}")
    found = len(read_records(answer.body))
    return judged(
        found - len(given.records) in extras, f"{len(given.records)} records{how}: {answer.status}, {found} lines"
    )


def parsed(answer: Answer) -> dict[str, Any]:
    try:
        content = json.loads(answer.body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def parameter_problem(answer: Answer) -> str:
    """What is wrong with an answer to GET /execution-parameters, or nothing."""
    content = parsed(answer)
    if not answer.ok or not content:
        return f"{answer}: {shown(answer) or 'no body'}; it must be 404, or 200 with a JSON object"
    concurrency, payload = content.get("MaxConcurrentTransforms", 1), content.get("MaxPayloadInMB", 6)
    if not whole(concurrency, least=1) or not whole(payload, least=0) or payload > TOTAL_MB:
        return f"MaxConcurrentTransforms is {concurrency!r} and MaxPayloadInMB {payload!r}; they are whole numbers"
    if concurrency * payload > TOTAL_MB:
        return f"{concurrency} transforms x {payload} MB are more than {TOTAL_MB} MB"
    strategy = content.get("BatchStrategy")
    if strategy is not None and strategy not in STRATEGIES:
        return f"BatchStrategy is {strategy!r}; it is one of {', '.join(STRATEGIES)}"
    return ""


def whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


ROWS = (
    environment,
    execution_parameters,
    local_strategy,
    max_payload,
    lines,
    last_newline,
    empty_lines,
    broken_line,
    results,
)
