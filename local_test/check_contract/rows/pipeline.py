"""Rows about inference pipelines and multi-container endpoints: several containers on one host."""

from dataclasses import dataclass

from local_test.check_contract import sources
from local_test.check_contract.errors import NotApplicableError
from local_test.check_contract.exchange import Address, Answer
from local_test.check_contract.lab import BIND_LABEL, Lab
from local_test.check_contract.row import Mode, Outcome, judged, only_on_aws, required
from local_test.check_contract.server import PUBLISHED, wait_until_ready

FIRST_PORT, SECOND_PORT = 8081, 8082
SAFE_PORTS = "8083-8099"


@dataclass(frozen=True)
class Pipeline:
    pings: tuple[Answer, Answer]
    first: Answer
    second: Answer
    hop: Answer  # the second container's, to what the first has answered


@required(
    "pipeline-label",
    Mode.PIPELINE,
    f"The image has the label {BIND_LABEL}=true, without which SageMaker refuses it in a pipeline.",
    sources.PIPELINE,
)
def label(lab: Lab) -> Outcome:
    return lab.judge_label(BIND_LABEL, Mode.PIPELINE)


@required(
    "pipeline-ports",
    Mode.PIPELINE,
    "The server listens on SAGEMAKER_BIND_TO_PORT, and two containers of the image stand side by side on one host.",
    sources.PIPELINE,
)
def ports(lab: Lab) -> Outcome:
    found = pipeline(lab)
    good = all(ping.status == 200 for ping in found.pings) and found.first.ok and found.second.ok
    return judged(good, f"port {FIRST_PORT}: {found.first}, port {SECOND_PORT}: {found.second}")


@required(
    "pipeline-hop",
    Mode.PIPELINE,
    "What one container answers, the next takes or refuses; it never fails on it.",
    sources.PIPELINE,
)
def hop(lab: Lab) -> Outcome:
    found = pipeline(lab)
    seen = f"{found.first.content_type}, {len(found.first.body)} bytes, sent on: {found.hop}"
    return judged(found.hop.ok or found.hop.refused, seen)


def pipeline(lab: Lab) -> Pipeline:
    lab.require_label(BIND_LABEL)
    return lab.once("pipeline", lambda: ask_both(lab))


def ask_both(lab: Lab) -> Pipeline:
    """Two servers in one network name space, as on one host, which both would want port 8080 in."""
    if PUBLISHED:
        raise NotApplicableError("it needs an engine whose containers have addresses of their own (Linux)")
    with lab.serving(environment=bound_to(FIRST_PORT), port=FIRST_PORT) as first:
        options = [*lab.model_mount(), "--network", f"container:{first.container.name}"]
        with lab.start_serving(options, bound_to(SECOND_PORT), SECOND_PORT) as container:
            address = Address(first.address.host, SECOND_PORT)
            second = wait_until_ready(container, address, lab.subject.ready_seconds)
            answer = first.invoke(lab.subject.request)
            return Pipeline(
                pings=(first.ping(), second.ping()),
                first=answer,
                second=second.invoke(lab.subject.request),
                hop=second.post(answer.body, {"Content-Type": answer.content_type or "application/octet-stream"}),
            )


def bound_to(port: int) -> dict[str, str]:
    return {"SAGEMAKER_BIND_TO_PORT": str(port), "SAGEMAKER_SAFE_PORT_RANGE": SAFE_PORTS}


real = only_on_aws(
    "pipeline-order",
    Mode.PIPELINE,
    "The platform passes each answer on with its Content-Type, up to 5 MB.",
    sources.PIPELINE,
    "the platform passes answers on",
)

ROWS = (label, ports, hop, real)
