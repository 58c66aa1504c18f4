"""Rows about requests that POST /invocations must answer."""

import json

from local_test.check_contract import sources
from local_test.check_contract.exchange import ANSWER_SECONDS, Answer, duration
from local_test.check_contract.lab import Lab
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

NUM_REQUESTS = 10
ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"
ATTRIBUTES_LIMIT = 1024
# What InvokeEndpoint may hand on, and what a proxy may add.
UNKNOWN_HEADERS = {
    "X-Amzn-SageMaker-Target-Container-Hostname": "first",
    "X-Amzn-SageMaker-Inference-Component": "component",
    "X-Amzn-SageMaker-Inference-Id": "0123456789abcdef",
    "X-Amzn-SageMaker-Session-Id": "NEW_SESSION",
    "X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678",
    "X-Forwarded-For": "203.0.113.9, 10.0.0.1",
    "X-Unknown": "caf\u00e9",
}
ACCEPTS = ("application/json", "text/csv", "*/*")


@required(
    "invoke",
    Mode.HOSTING,
    "POST /invocations answers a good request with 200 within 60 s.",
    sources.HOSTING,
)
def invoke(lab: Lab) -> Outcome:
    answers = answers_until_bad(lambda: lab.server().invoke(lab.subject.request), NUM_REQUESTS, ANSWER_SECONDS)
    if not is_quick(answers[-1], ANSWER_SECONDS):
        return failed(f"{answers[-1]}: {shown(answers[-1])}")
    return passed(usual_and_worst(answers))


@recommended(
    "invoke-image-types",
    Mode.HOSTING,
    "A model for images takes application/x-image too, as SageMaker's built-in ones do.",
    sources.HOSTING_FAQ,
)
def image_types(lab: Lab) -> Outcome:
    request = lab.subject.request
    if not request.content_type.startswith("image/"):
        return not_applicable(f"the request is {request.content_type}")
    answer = lab.server().post(request.body, {"Content-Type": "application/x-image"})
    return judged(answer.ok, f"application/x-image: {answer}")


@required(
    "invoke-no-content-type",
    Mode.HOSTING,
    "A request without Content-Type, which a client may leave out, is answered or refused, never an error of 500.",
    sources.INVOKE_API,
)
def no_content_type(lab: Lab) -> Outcome:
    answer = lab.server().post(lab.subject.request.body, {})
    return judged(answer.ok or answer.refused, f"no Content-Type: {answer}")


@required(
    "invoke-no-accept",
    Mode.HOSTING,
    "A request without Accept is answered, and one with Accept: */*.",
    sources.INVOKE_API,
)
def no_accept(lab: Lab) -> Outcome:
    without = lab.server().invoke(lab.subject.request)
    anything = lab.server().invoke(lab.subject.request, {"Accept": "*/*"})
    return judged(without.ok and anything.ok, f"no Accept: {without}; */*: {anything}")


@required(
    "invoke-unknown-headers",
    Mode.HOSTING,
    "Headers that the container does not know are ignored.",
    sources.INVOKE_API,
)
def unknown_headers(lab: Lab) -> Outcome:
    answer = lab.server().invoke(lab.subject.request, UNKNOWN_HEADERS)
    return judged(answer.ok, f"{len(UNKNOWN_HEADERS)} more headers: {answer}")


@required(
    "invoke-custom-attributes",
    Mode.HOSTING,
    "X-Amzn-SageMaker-Custom-Attributes of up to 1024 ASCII characters is borne, and no longer one is sent back.",
    sources.INVOKE_API,
)
def custom_attributes(lab: Lab) -> Outcome:
    given = ("trace=" + "~!#%" * ATTRIBUTES_LIMIT)[:ATTRIBUTES_LIMIT]
    answer = lab.server().invoke(lab.subject.request, {ATTRIBUTES_HEADER: given})
    sent_back = answer.headers.get(ATTRIBUTES_HEADER.lower(), "")
    good = answer.ok and len(sent_back) <= ATTRIBUTES_LIMIT
    return judged(good, f"{ATTRIBUTES_LIMIT} characters: {answer}, {len(sent_back)} sent back")


@required(
    "invoke-truthful-type",
    Mode.HOSTING,
    "The answer's Content-Type says what its body is: the next container and data capture go by it.",
    sources.CAPTURE,
)
def truthful_type(lab: Lab) -> Outcome:
    seen, untrue = [], []
    for accept in ACCEPTS:
        answer = lab.server().invoke(lab.subject.request, {"Accept": accept})
        if not answer.ok:
            continue
        seen.append(f"{accept} -> {answer.content_type or 'no type'}")
        problem = untruth(answer)
        if problem:
            untrue.append(f"{accept}: {problem}")
    if not seen:
        return failed(f"no Accept of {', '.join(ACCEPTS)} was answered with 200")
    return judged(not untrue, "; ".join(untrue or seen))


@required(
    "invoke-connection",
    Mode.HOSTING,
    "A connection is accepted within 250 ms, also under load.",
    sources.HOSTING,
)
def connection(lab: Lab) -> Outcome:
    times = measured_load(lab).connection_seconds
    return judged(max(times) <= 0.25, f"{len(times)} connections under load, at worst {duration(max(times))}")


@recommended(
    "invoke-load",
    Mode.HOSTING,
    "Under load every request is answered, with 200 or a refusal (429, 503), and no connection breaks.",
    sources.HOSTING,
)
def load(lab: Lab) -> Outcome:
    found = measured_load(lab)
    bad = [answer for answer in found.answers if not answer.ok and answer.status not in (429, 503)]
    if not any(answer.ok for answer in found.answers):
        return failed(f"nothing was answered with 200: {found}")
    if bad:
        return failed(f"{bad[0]}, among {found}")
    refused = sum(not answer.ok for answer in found.answers)
    return warned(str(found)) if refused > len(found.answers) / 2 else passed(str(found))


def untruth(answer: Answer) -> str:
    """What its Content-Type says that its body is not, or nothing."""
    if not answer.content_type:
        return "no Content-Type"
    try:
        if answer.content_type == "application/json":
            json.loads(answer.body)
        elif answer.content_type in ("text/csv", "text/plain"):
            text = answer.body.decode()
            if answer.content_type == "text/csv" and text.lstrip().startswith("{"):
                return "text/csv, but the body is JSON"
    except ValueError:
        return f"{answer.content_type}, but the body is {answer.body[:20]!r}"
    return ""


def shown(answer: Answer) -> str:
    """The beginning of what the server said, for a person to read."""
    return " ".join(answer.body[:160].decode(errors="replace").split())


ROWS = (
    invoke,
    image_types,
    no_content_type,
    no_accept,
    unknown_headers,
    custom_attributes,
    truthful_type,
    connection,
    load,
)
