"""How this project's image keeps each line of the contract, and the tests besides `check-contract` that prove it."""

from dataclasses import dataclass

SERVER = "tests/container/serving/test_server.py"
SETTINGS = "tests/container/serving/test_settings.py"
APP = "tests/container/serving/test_app.py"
REQUESTS = "tests/container/serving/test_decode_request.py"
RESPONSES = "tests/container/serving/test_encode_response.py"
WORKER = "tests/container/serving/test_worker.py"
DESCRIBE = "tests/container/serving/test_describe.py"
READINESS = "tests/container/serving/test_readiness.py"
MULTI_MODEL = "tests/container/serving/multi_model"
IMAGE = "tests/image/test_image.py"
IMAGE_RUN = "tests/image/test_train_and_serve.py"
LAYERS = "tests/image/test_layers_hold_no_secret.py"
LOCAL_MODE = "tests/image/test_sdk_local_mode.py"
LAUNCH = "tests/container/training/test_launch.py"
RESUME = "tests/container/training/test_resume.py"
ENTRYPOINT = "tests/container/test_entrypoint.py"


@dataclass(frozen=True)
class Note:
    how: str
    tests: tuple[str, ...] = ()
    not_met: str = ""  # under which condition the image keeps a recommended row, if it does not as it is


def note(how: str, *tests: str, not_met: str = "") -> Note:
    return Note(how, tests, not_met)


NOTES = {
    "image-exec-entrypoint": note("Python is process 1: `container/entrypoint.py`", IMAGE),
    "image-platform": note("built for the platform of the base image"),
    "image-no-secrets": note("certificates that a build is lent are secrets of BuildKit", LAYERS),
    "serve-port": note("gunicorn on 0.0.0.0:8080", SERVER),
    "serve-ready": note("answers once one image has gone through the network", READINESS),
    "serve-read-only-model": note("the artifact is only read; caches lie in /tmp", IMAGE_RUN),
    "serve-log": note("a JSON line per request on stdout", SERVER),
    "serve-pull": note("`deploy push`, `deploy role`"),
    "serve-capture": note("`deploy deploy --capture`; answers bear their true content types"),
    "ping-quick": note("/ping looks at a variable", WORKER, SERVER),
    "ping-under-load": note("health checks have a thread of their own and pass all other requests", WORKER, SERVER),
    "ping-missing-model": note("503 with the reason", READINESS),
    "ping-missing-model-503": note("the server stays up, and logs the reason once", SERVER),
    "ping-broken-model": note("503 with the reason", READINESS),
    "ping-broken-model-503": note("the server stays up, and logs the reason once", SERVER),
    "invoke": note("labels with probabilities", SERVER, LOCAL_MODE),
    "invoke-image-types": note("the bytes tell the format; any image type is taken", REQUESTS),
    "invoke-no-content-type": note("taken for an image file", REQUESTS),
    "invoke-no-accept": note("JSON", APP),
    "invoke-unknown-headers": note("not looked at; an inference id becomes the log's request id", APP),
    "invoke-custom-attributes": note("`top_k=3` in it is read, the rest is not; none is sent back", APP),
    "invoke-truthful-type": note("the encoder names the type", RESPONSES),
    "invoke-connection": note("one loop accepts and collects requests, and waits for nobody", WORKER),
    "invoke-load": note("images that wait share batches; too many requests are 429 with Retry-After", APP, WORKER),
    "refuse-content-type": note("415 with the types that are taken", REQUESTS),
    "refuse-accept": note("406 with the types that can be had", APP),
    "refuse-empty": note("400 `empty_image`", REQUESTS),
    "refuse-garbage": note("400 `undecodable_image`", REQUESTS),
    "refuse-healthy-after": note("what cannot be decoded never reaches the network", APP),
    "payload-25-mb": note("`SERVE_MAX_BODY_BYTES` is 25 MiB by default", SETTINGS),
    "refuse-too-large": note("413 `body_too_large`; the rest of the body is read and dropped", SERVER),
    "http-chunked": note("read as it comes, up to the same limit", SERVER),
    "http-expect": note("answered with 100 before the body is collected", WORKER),
    "http-keep-alive": note("`SERVE_KEEPALIVE_SECONDS`", SERVER),
    "stop-in-time": note("`SERVE_GRACEFUL_SECONDS`, 25 by default", SERVER),
    "stop-in-flight": note("what has begun is answered, half-sent requests too", SERVER),
    "stop-status": note("status 0", SERVER),
    "batch-environment": note("the same server"),
    "batch-execution-parameters": note(
        "MaxConcurrentTransforms and MaxPayloadInMB, by cores and `SERVE_MAX_BODY_BYTES`", DESCRIBE
    ),
    "batch-local-strategy": note("left out", DESCRIBE, LOCAL_MODE),
    "batch-max-payload": note("followed where it is above 25 MiB; `SERVE_MAX_BODY_BYTES` wins"),
    "batch-lines": note('`application/jsonlines`, `{"b64": "..."}` a line', REQUESTS),
    "batch-last-newline": note("the last newline ends the last line", REQUESTS),
    "batch-empty-lines": note("each gets a line that says so, so that line N answers line N", REQUESTS),
    "batch-broken-line": note("an `error` in its place", REQUESTS),
    "batch-assemble": note("`deploy batch`", "tests/aws/commands/test_batch.py"),
    "async-large-payload": note("`SERVE_MAX_BODY_BYTES` up to 1 GiB and beyond", SETTINGS),
    "async-long-request": note("`SERVE_TIMEOUT_SECONDS` up to 3600", SETTINGS),
    "async-queue": note("`deploy deploy --asynchronous`, `deploy async`", "tests/aws/commands/test_endpoint_story.py"),
    "image-size": note("the base is all but some hundred MB of it", IMAGE),
    "serverless-restrictions": note("all is readable for everybody, and only /tmp is written", IMAGE, IMAGE_RUN),
    "serverless-payload": note("the same limit as anywhere"),
    "serverless-1-gib": note("one process, one copy of the weights"),
    "serverless-2-gib": note("one process, one copy of the weights"),
    "serverless-3-gib": note("one process, one copy of the weights"),
    "serverless-real": note("`deploy deploy --serverless`", "tests/aws/commands/test_endpoint_story.py"),
    "multi-model-label": note("in the Dockerfile"),
    "multi-model-empty": note("ready at once: models come later", MULTI_MODEL),
    "multi-model-load": note("loaded, and one image sent through it, before the answer", MULTI_MODEL),
    "multi-model-load-twice": note("409", MULTI_MODEL),
    "multi-model-list": note("as the platform spells it", MULTI_MODEL),
    "multi-model-invoke": note("by the same code as /invocations", MULTI_MODEL),
    "multi-model-unknown": note("404", MULTI_MODEL),
    "multi-model-unload": note("memory goes back to the system before the answer", MULTI_MODEL),
    "multi-model-broken": note("refused with a sentence; nothing of it stays", MULTI_MODEL),
    "multi-model-memory": note("`SERVE_MAX_MODELS_MIB`, or 80 % of the container's memory: 507", MULTI_MODEL),
    "multi-model-eviction": note("`SERVE_FULL_MEMORY=evict` has the server do it by itself", MULTI_MODEL),
    "pipeline-label": note("in the Dockerfile", IMAGE),
    "pipeline-ports": note("`SAGEMAKER_BIND_TO_PORT` wins over `SERVE_PORT`", SETTINGS),
    "pipeline-hop": note("JSON that is no request is 422", REQUESTS),
    "pipeline-order": note("nothing to do"),
    "variants-target": note("not looked at", APP),
    "variants-weights": note("`deploy promote` shifts traffic", "tests/aws/commands/test_endpoint_story.py"),
    "image-tools": note("the base has bash, the environment the rest", IMAGE),
    "train": note("launcher, training toolkit, `container/training/run.py`", IMAGE_RUN, LOCAL_MODE),
    "train-model": note("`model.pt`, and faster forms of it beside it", IMAGE_RUN),
    "train-unknown-input": note("names that begin with sagemaker_ or _tuning_ are the platform's", LAUNCH),
    "train-read-only-channels": note("nothing is deleted or changed"),
    "train-metric": note("`Average loss: 0.431200`, a line per metric", "tests/container/test_contract.py"),
    "train-failure-status": note("1", LAUNCH),
    "train-failure-file": note("one sentence: where, what, what to do", LAUNCH, LOCAL_MODE),
    "train-default-command": note('`CMD ["train"]`', IMAGE_RUN),
    "train-clean-up": note("any other word is executed in place of Python", ENTRYPOINT, IMAGE),
    "train-fast-file": note("files are read in order, by path"),
    "train-stop-in-time": note("the epoch is broken off after its current step", LAUNCH, IMAGE_RUN),
    "train-stop-keeps-work": note("a checkpoint, and the best model so far", LAUNCH, IMAGE_RUN),
    "train-resume": note("bit for bit on one CPU process", RESUME, IMAGE_RUN),
    "train-spot": note("checkpoints are renamed into place whole", RESUME),
}
