"""Rows about asynchronous endpoints."""

from local_test.check_contract import sources
from local_test.check_contract.lab import Lab
from local_test.check_contract.row import Mode, Outcome, judged, not_applicable, only_on_aws, required, unchecked


@required(
    "async-large-payload",
    Mode.ASYNCHRONOUS,
    "Bodies far larger than 25 MB (up to 1 GB) are taken, if need be by a setting.",
    sources.ASYNCHRONOUS,
)
def large_payload(lab: Lab) -> Outcome:
    request, environment = lab.subject.request, lab.subject.asynchronous_environment
    if not request.can_be_padded:
        return not_applicable(f"{request.content_type} cannot be made larger and stay valid; give a JPEG or JSON")
    with lab.serving(environment=environment) as server:
        body = request.of_size(lab.subject.asynchronous_bytes)
        answer, ping = server.post(body, request.headers), server.ping()
    settings = " ".join(f"{name}={value}" for name, value in environment.items())
    return judged(
        answer.ok and ping.status == 200,
        f"{len(body) / 1e6:.0f} MB{' with ' if settings else ''}{settings}: {answer}, then GET /ping: {ping}",
    )


long_request = unchecked(
    "async-long-request",
    Mode.ASYNCHRONOUS,
    "A request may take longer than 60 s (15 minutes by default, an hour at most), if need be by a setting.",
    sources.ASYNCHRONOUS,
    "not from outside: it takes a model that works for more than a minute",
)

queue = only_on_aws(
    "async-queue",
    Mode.ASYNCHRONOUS,
    "Requests come from a queue and answers go to S3; a status other than 2xx goes to the failure path.",
    sources.ASYNCHRONOUS,
    "the platform reads the queue and writes to S3",
)

ROWS = (large_payload, long_request, queue)
