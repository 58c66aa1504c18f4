"""Rows about requests that are at fault: the caller is told so (4xx), and the server is none the worse."""

from random import Random

from local_test.check_contract import sources
from local_test.check_contract.exchange import Answer
from local_test.check_contract.lab import Lab
from local_test.check_contract.row import Mode, Outcome, failed, judged, passed, required, warned

NONSENSE_TYPE = "application/x-no-such-type"
PAYLOAD_BYTES = 25 * 2**20  # of a real-time endpoint: "Model Hosting FAQs"


@required(
    "refuse-content-type",
    Mode.HOSTING,
    "A content type that the model does not take is refused (415), never an error of 500.",
    sources.HOSTING,
)
def content_type(lab: Lab) -> Outcome:
    answer = lab.server().post(lab.subject.request.body, {"Content-Type": NONSENSE_TYPE})
    return refusal(answer, 415, NONSENSE_TYPE)


@required(
    "refuse-accept",
    Mode.HOSTING,
    "An Accept that the model cannot give is refused (406), never an error of 500.",
    sources.HOSTING,
)
def accept(lab: Lab) -> Outcome:
    answer = lab.server().invoke(lab.subject.request, {"Accept": NONSENSE_TYPE})
    return refusal(answer, 406, f"Accept: {NONSENSE_TYPE}")


@required(
    "refuse-empty",
    Mode.HOSTING,
    "An empty body is refused with 4xx.",
    sources.HOSTING,
)
def empty(lab: Lab) -> Outcome:
    answer = lab.server().post(b"", lab.subject.request.headers)
    return judged(answer.refused, f"empty body: {answer}")


@required(
    "refuse-garbage",
    Mode.HOSTING,
    "A body that is not what its content type says is refused with 4xx, never an error of 500.",
    sources.HOSTING,
)
def garbage(lab: Lab) -> Outcome:
    answers = {}
    for name, body in spoilt(lab.subject.request.body).items():
        answers[name] = lab.server().post(body, lab.subject.request.headers)
    seen = ", ".join(f"{name}: {answer}" for name, answer in answers.items())
    if any(not answer.ok and not answer.refused for answer in answers.values()):
        return failed(seen)
    return passed(seen) if answers["random bytes"].refused else warned(f"{seen}; random bytes were taken for good")


@required(
    "refuse-healthy-after",
    Mode.HOSTING,
    "After refusals the server answers as before.",
    sources.HOSTING,
)
def healthy_after(lab: Lab) -> Outcome:
    for body in spoilt(lab.subject.request.body).values():
        lab.server().post(body, lab.subject.request.headers)
    ping, answer = lab.server().ping(), lab.server().invoke(lab.subject.request)
    return judged(ping.status == 200 and answer.ok, f"GET /ping: {ping}, invocation: {answer}")


@required(
    "payload-25-mb",
    Mode.HOSTING,
    "A body of 25 MB, the most that a real-time endpoint hands on, is answered or refused (413), not broken off.",
    sources.HOSTING_FAQ,
)
def payload(lab: Lab) -> Outcome:
    request = lab.subject.request
    answer = lab.server().post(request.of_size(PAYLOAD_BYTES), request.headers)
    kind = "25 MB" if request.can_be_padded else "25 MB, no longer a valid body"
    return judged(answer.ok or answer.refused, f"{kind}: {answer}")


@required(
    "refuse-too-large",
    Mode.HOSTING,
    "A body over the server's limit is refused with 413 that arrives.",
    sources.HOSTING,
)
def too_large(lab: Lab) -> Outcome:
    request = lab.subject.request
    answer = lab.server().post(request.of_size(PAYLOAD_BYTES + 2**20), request.headers)
    if answer.ok or (answer.refused and answer.status != 413):
        return warned(f"26 MB: {answer}; no limit of its own was seen")
    return refusal(answer, 413, "26 MB")


def refusal(answer: Answer, expected: int, what: str) -> Outcome:
    """Passed with the expected status; another 4xx, or an answer in spite of all, does no harm and warns."""
    if answer.status == expected:
        return passed(f"{what}: {answer}")
    if answer.ok or answer.refused:
        return warned(f"{what}: {answer} instead of {expected}")
    return failed(f"{what}: {answer}")


def spoilt(body: bytes) -> dict[str, bytes]:
    """Bodies that are not what they should be, by name."""
    return {
        "random bytes": Random(0).randbytes(4096),  # noqa: S311  the same in every run
        "half of it": body[: len(body) // 2],
        "zeros": bytes(1024),
        "text": b"this is not what you expect",
    }


ROWS = (content_type, accept, empty, garbage, payload, too_large, healthy_after)
