"""Rows about how a serving container starts and what it writes."""

from local_test.check_contract import sources
from local_test.check_contract.exchange import duration
from local_test.check_contract.lab import MODEL_DIR, Lab
from local_test.check_contract.row import Mode, Outcome, judged, only_on_aws, recommended, required


@required(
    "serve-port",
    Mode.HOSTING,
    "`docker run IMAGE serve` listens on port 8080 of every address.",
    sources.HOSTING,
)
def port(lab: Lab) -> Outcome:
    address = lab.server().address
    return judged(lab.server().ping().status == 200, f"answers at {address.host}:{address.port}")


@required(
    "serve-ready",
    Mode.HOSTING,
    "/ping is 200 within 8 minutes of the start (the timeout can be set from 60 s to an hour).",
    sources.HOSTING,
)
def ready(lab: Lab) -> Outcome:
    seconds = lab.server().seconds_until_ready
    return judged(seconds <= 480, f"GET /ping: 200 after {duration(seconds)}")


@required(
    "serve-read-only-model",
    Mode.HOSTING,
    "/opt/ml/model is read and never written: on an endpoint it can be read-only.",
    sources.HOSTING,
)
def read_only_model(lab: Lab) -> Outcome:
    server = lab.server()
    mounts = {item["Destination"]: item["RW"] for item in server.container.inspect()["Mounts"]}
    answer = server.invoke(lab.subject.request)
    writable = mounts.get(MODEL_DIR, True)
    return judged(
        answer.ok and not writable, f"mounted {'writable' if writable else 'read-only'}, invocation: {answer}"
    )


@recommended(
    "serve-log",
    Mode.HOSTING,
    "The log goes to stdout (or stderr), from where CloudWatch takes it.",
    sources.LOGS,
)
def log(lab: Lab) -> Outcome:
    server = lab.server()
    server.invoke(lab.subject.request)
    out, err = (text.count("\n") for text in server.container.logs())
    return judged(out + err > 0, f"{out} lines on stdout, {err} on stderr")


image_pull = only_on_aws(
    "serve-pull",
    Mode.HOSTING,
    "SageMaker's role can pull the image from a repository of ECR in the same region.",
    sources.IMAGE_API,
    "pulling needs ECR and a role",
)
capture = only_on_aws(
    "serve-capture",
    Mode.HOSTING,
    "Data capture reads requests and answers by their content types; the container does nothing for it.",
    sources.CAPTURE,
    "captured files are written by the platform",
)

ROWS = (port, ready, read_only_model, log, image_pull, capture)
