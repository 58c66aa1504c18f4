"""Rows about serverless endpoints: the image in a container that is restricted as theirs are."""

from local_test.check_contract import sources
from local_test.check_contract.errors import NotStartedError
from local_test.check_contract.exchange import duration
from local_test.check_contract.lab import Lab
from local_test.check_contract.restricted import RESTRICTIONS, Restricted, broken_restrictions, peak_memory
from local_test.check_contract.row import (
    Mode,
    Outcome,
    Row,
    failed,
    judged,
    only_on_aws,
    recommended,
    required,
    warned,
)

READY_SECONDS = 180
PAYLOAD_BYTES = 4 * 10**6
LARGEST_GIB = 3


@required(
    "serverless-restrictions",
    Mode.SERVERLESS,
    "It serves as a user without rights, with a read-only file system but for /tmp, and without /dev/shm.",
    sources.SERVERLESS,
)
def restrictions(lab: Lab) -> Outcome:
    found = measured(lab, LARGEST_GIB)
    if found.answer is None:
        return failed(found.problem)
    if found.unproven:
        return warned(f"invocation: {found.answer}; {found.unproven}")
    return judged(found.answer.ok, f"uid 1000, read-only root, no /dev/shm, no capabilities: {found.answer}")


@required(
    "serverless-payload",
    Mode.SERVERLESS,
    "A body of 4 MB, the most that a serverless endpoint hands on, is answered or refused (413).",
    sources.SERVERLESS,
)
def payload(lab: Lab) -> Outcome:
    answer = measured(lab, LARGEST_GIB).large_answer
    return judged(answer is not None and (answer.ok or answer.refused), f"4 MB: {answer or 'the server did not start'}")


def memory_row(gib: int) -> Row:
    """A row for one memory size."""

    def check(lab: Lab) -> Outcome:
        found = measured(lab, gib)
        if found.answer is None:
            return failed(found.problem)
        seen = f"GET /ping: 200 after {duration(found.seconds)}, invocation: {found.answer}, {found.memory}"
        return judged(found.answer.ok and found.seconds <= READY_SECONDS and not found.killed, seen)

    # An image that needs more memory than the least is no wrong image.
    decorate = required if gib == LARGEST_GIB else recommended
    demand = f"With {gib} GiB of memory /ping is 200 within 3 minutes and a request is answered."
    return decorate(f"serverless-{gib}-gib", Mode.SERVERLESS, demand, sources.SERVERLESS)(check)


def measured(lab: Lab, gib: int) -> Restricted:
    return lab.once(f"serverless {gib}", lambda: measure(lab, gib))


def measure(lab: Lab, gib: int) -> Restricted:
    limit = [f"--memory={gib}g", f"--memory-swap={gib}g"]
    request = lab.subject.request
    try:
        with lab.serving([*RESTRICTIONS, *limit]) as server:
            answer = server.invoke(request)
            large = server.post(request.of_size(max(PAYLOAD_BYTES, len(request.body))), request.headers)
            return Restricted(
                answer=answer,
                large_answer=large,
                seconds=server.seconds_until_ready,
                memory=peak_memory(server.container),
                killed=bool(server.container.inspect()["State"]["OOMKilled"]),
                unproven=broken_restrictions(server.container),
            )
    except NotStartedError as error:
        return Restricted(problem=str(error))


one_gib, two_gib, three_gib = memory_row(1), memory_row(2), memory_row(3)

real = only_on_aws(
    "serverless-real",
    Mode.SERVERLESS,
    "The platform's own user, file system and /dev/shm, which are documented nowhere, are borne.",
    sources.SERVERLESS,
    "they are imitated here from what others report",
)

ROWS = (restrictions, payload, one_gib, two_gib, three_gib, real)
