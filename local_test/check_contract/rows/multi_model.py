"""Rows about multi-model endpoints: models that are loaded, asked and unloaded under /models."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local_test.check_contract import sources
from local_test.check_contract.exchange import Answer
from local_test.check_contract.lab import BROKEN_MODEL, MODEL_NAMES, MODELS_DIR, MULTI_MODEL_LABEL, Lab
from local_test.check_contract.row import (
    Mode,
    Outcome,
    failed,
    judged,
    not_applicable,
    only_on_aws,
    passed,
    required,
    warned,
)
from local_test.check_contract.server import Server

LOAD_SECONDS = 60
FIRST, SECOND = MODEL_NAMES[:2]
NO_SUCH_MODEL = "never-loaded"
MOST_LOADS = 64
TARGET_HEADER = "X-Amzn-SageMaker-Target-Model"


class Models:
    """The routes under /models of a server."""

    def __init__(self, server: Server) -> None:
        self._ask = server.address.ask

    def load(self, name: str, directory: str | None = None) -> Answer:
        body = {"model_name": name, "url": f"{MODELS_DIR}/{directory or name}/model"}
        return self._ask(
            "POST", "/models", json.dumps(body).encode(), {"Content-Type": "application/json"}, LOAD_SECONDS
        )

    def unload(self, name: str) -> Answer:
        return self._ask("DELETE", f"/models/{name}")

    def describe(self, name: str = "") -> Answer:
        """Of one model, or of all that are loaded."""
        return self._ask("GET", f"/models/{name}" if name else "/models")

    def invoke(self, name: str, lab: Lab) -> Answer:
        request = lab.subject.request
        headers = {**request.headers, TARGET_HEADER: f"{name}.tar.gz"}
        return self._ask("POST", f"/models/{name}/invoke", request.body, headers)


@contextmanager
def loaded(lab: Lab, *names: str) -> Iterator[tuple[Models, list[Answer]]]:
    """The routes, and the answers to loading these models; they are unloaded afterwards."""
    models = Models(lab.multi_model_server())
    try:
        yield models, [models.load(name) for name in names]
    finally:
        for name in names:
            models.unload(name)


@required(
    "multi-model-label",
    Mode.MULTI_MODEL,
    f"The image has the label {MULTI_MODEL_LABEL}=true.",
    sources.MULTI_MODEL_IMAGE,
)
def label(lab: Lab) -> Outcome:
    return lab.judge_label(MULTI_MODEL_LABEL, Mode.MULTI_MODEL)


@required(
    "multi-model-empty",
    Mode.MULTI_MODEL,
    "With SAGEMAKER_MULTI_MODEL=true and no model loaded, /ping is 200 and GET /models lists none.",
    sources.MULTI_MODEL,
)
def empty(lab: Lab) -> Outcome:
    server = lab.multi_model_server()
    ping, listed = server.ping(), Models(server).describe()
    good = ping.status == 200 and listed.status == 200 and listed_names(listed) == []
    return judged(good, f"GET /ping: {ping}, GET /models: {listed}, {listed_names(listed)}")


@required(
    "multi-model-load",
    Mode.MULTI_MODEL,
    "POST /models loads a model within 60 s: 200.",
    sources.MULTI_MODEL,
)
def load(lab: Lab) -> Outcome:
    with loaded(lab, FIRST) as (_, (answer,)):
        return judged(answer.status == 200, f"POST /models: {answer}")


@required(
    "multi-model-load-twice",
    Mode.MULTI_MODEL,
    "Loading what is loaded is 409.",
    sources.MULTI_MODEL,
)
def load_twice(lab: Lab) -> Outcome:
    with loaded(lab, FIRST) as (models, _):
        answer = models.load(FIRST)
        return judged(answer.status == 409, f"POST /models again: {answer}")


@required(
    "multi-model-list",
    Mode.MULTI_MODEL,
    "GET /models and GET /models/NAME tell modelName and modelUrl of what is loaded.",
    sources.MULTI_MODEL,
)
def listed(lab: Lab) -> Outcome:
    with loaded(lab, FIRST, SECOND) as (models, _):
        every, one = models.describe(), models.describe(FIRST)
    names, told = listed_names(every), parsed(one)
    right = told.get("modelName") == FIRST and told.get("modelUrl") == f"{MODELS_DIR}/{FIRST}/model"
    seen = f"GET /models: {every.status} {names}, GET /models/{FIRST}: {one.status} {told}"
    return judged(every.ok and one.ok and sorted(names or []) == sorted([FIRST, SECOND]) and right, seen)


@required(
    "multi-model-invoke",
    Mode.MULTI_MODEL,
    "POST /models/NAME/invoke answers as /invocations does.",
    sources.MULTI_MODEL,
)
def invoke(lab: Lab) -> Outcome:
    with loaded(lab, FIRST, SECOND) as (models, _):
        answers = [models.invoke(name, lab) for name in (FIRST, SECOND)]
    return judged(all(answer.ok for answer in answers), "; ".join(f"invoke: {answer}" for answer in answers))


@required(
    "multi-model-unknown",
    Mode.MULTI_MODEL,
    "GET, DELETE and invoke of a model that is not loaded are 404.",
    sources.MULTI_MODEL,
)
def unknown(lab: Lab) -> Outcome:
    models = Models(lab.multi_model_server())
    answers = {
        "GET": models.describe(NO_SUCH_MODEL),
        "DELETE": models.unload(NO_SUCH_MODEL),
        "invoke": models.invoke(NO_SUCH_MODEL, lab),
    }
    seen = ", ".join(f"{name}: {answer}" for name, answer in answers.items())
    return judged(all(answer.status == 404 for answer in answers.values()), seen)


@required(
    "multi-model-unload",
    Mode.MULTI_MODEL,
    "DELETE /models/NAME unloads a model, which can be loaded again.",
    sources.MULTI_MODEL,
)
def unload(lab: Lab) -> Outcome:
    with loaded(lab, FIRST) as (models, _):
        unloaded, gone, again = models.unload(FIRST), models.describe(FIRST), models.load(FIRST)
    good = unloaded.ok and gone.status == 404 and again.ok
    return judged(good, f"DELETE: {unloaded}, GET: {gone}, POST again: {again}")


@required(
    "multi-model-broken",
    Mode.MULTI_MODEL,
    "A broken model is refused when it is loaded, and hurts no other: those answer, and /ping is 200.",
    sources.MULTI_MODEL,
)
def broken(lab: Lab) -> Outcome:
    server = lab.multi_model_server()
    with loaded(lab, FIRST) as (models, _):
        refused = models.load(BROKEN_MODEL)
        listed_too = BROKEN_MODEL in (listed_names(models.describe()) or [])
        other, ping = models.invoke(FIRST, lab), server.ping()
    seen = f"POST /models of a broken one: {refused}, the other's invoke: {other}, GET /ping: {ping}"
    if refused.ok or listed_too or not refused.status or not other.ok or ping.status != 200:
        return failed(seen)
    return passed(seen)


@required(
    "multi-model-memory",
    Mode.MULTI_MODEL,
    "POST /models is 507 where memory does not suffice for one more; what is loaded goes on answering.",
    sources.MULTI_MODEL,
)
def memory(lab: Lab) -> Outcome:
    server = lab.multi_model_server()
    models = Models(server)
    names = [f"copy-{number}" for number in range(MOST_LOADS)]
    answers: list[Answer] = []
    try:
        for name in names:
            answers.append(models.load(name, directory=FIRST))
            if not answers[-1].ok:
                break
        last, ping = models.invoke(names[0], lab), server.ping()
    finally:
        for name in names[: len(answers)]:
            models.unload(name)
    return full(answers, last, ping)


def full(answers: list[Answer], first_model: Answer, ping: Answer) -> Outcome:
    """What came of loading models until one was refused."""
    num_good = sum(answer.ok for answer in answers)
    seen = f"{num_good} models fit, then POST /models: {answers[-1]}, invoke of the first: {first_model}"
    if ping.status != 200:
        return failed(f"{seen}, GET /ping: {ping}")
    if answers[-1].ok:
        return not_applicable(f"{num_good} models fit; bound its memory with --multi-model-environment")
    if answers[-1].status != 507:
        return failed(seen)
    # The platform unloads others by itself; a server that has done so already is wise, if unusual.
    return passed(seen) if first_model.ok else warned(seen)


eviction = only_on_aws(
    "multi-model-eviction",
    Mode.MULTI_MODEL,
    "After a 507 SageMaker unloads the models that were used least recently, and tries again.",
    sources.MULTI_MODEL,
    "the platform chooses and unloads",
)


def parsed(answer: Answer) -> dict[str, Any]:
    try:
        content = json.loads(answer.body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def listed_names(answer: Answer) -> list[str] | None:
    """The names in an answer to GET /models; None if it is no such list."""
    models = parsed(answer).get("models")
    if not isinstance(models, list) or not all(isinstance(item, dict) for item in models):
        return None
    return [str(item.get("modelName")) for item in models]


ROWS = (label, empty, load, load_twice, listed, invoke, unknown, unload, broken, memory, eviction)
