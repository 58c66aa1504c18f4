"""The routes of a multi-model endpoint: load, list, unload and ask models by name.

Codes, beside those of the application: invalid_model_name, invalid_model_url, broken_model; model_not_found,
model_not_loaded (404); model_already_loaded (409); memory_full (507); load_too_slow (503).
Source: developer guide, "Custom containers contract for multi-model endpoints".
"""

from typing import Any

from flask import Flask, Response, request

from container.errors import RequestError
from container.serving.answer import Invocations
from container.serving.describe import describe_limits
from container.serving.encoded_images import parse_json
from container.serving.multi_model.load_failure import is_out_of_memory
from container.serving.multi_model.loaded_model import Model
from container.serving.multi_model.store import ModelStore
from container.serving.settings import ServeSettings

PAGE_SIZE = 100
MAX_NAME_CHARACTERS = 256


def add_multi_model_routes(app: Flask, settings: ServeSettings, store: ModelStore, invocations: Invocations) -> None:
    @app.get("/ping")
    def ping() -> dict[str, Any]:
        return {"status": "ready", **store.describe()}

    @app.get("/")
    def tell_models() -> dict[str, Any]:
        return {"status": "ready", "memory": store.describe(), "limits": describe_limits(settings)}

    @app.post("/models")
    def load() -> dict[str, str]:
        with invocations.body() as body:
            name, url = read_load_request(body)
        store.load(name, url)
        return {"modelName": name, "modelUrl": url}

    @app.get("/models")
    def list_models() -> dict[str, Any]:
        models, after = store.page(request.args.get("next_page_token", ""), PAGE_SIZE)
        return {"models": [describe_model(model) for model in models], **({"nextPageToken": after} if after else {})}

    @app.get("/models/<name>")
    def tell_model(name: str) -> dict[str, str]:
        return describe_model(store.find(name))

    @app.delete("/models/<name>")
    def unload(name: str) -> dict[str, str]:
        return describe_model(store.unload(name))

    @app.post("/models/<name>/invoke")
    def invoke(name: str) -> Response:
        with store.use(name) as model:
            try:
                return invocations.answer(lambda: model.predictor)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                raise RequestError(
                    507, "memory_full", "Memory ran out; unload a model, or send fewer images at a time."
                ) from error


def describe_model(model: Model) -> dict[str, str]:
    return {"modelName": model.name, "modelUrl": model.url}


def read_load_request(body: bytes) -> tuple[str, str]:
    """Name and url of the model to load. Raises RequestError 400, or 413 for JSON with far too many values."""
    document = parse_json(body)
    fields = document if isinstance(document, dict) else {}
    name, url = fields.get("model_name"), fields.get("url")
    if not isinstance(name, str) or not isinstance(url, str):
        raise RequestError(400, "invalid_json", 'The body must be {"model_name": "<name>", "url": "<folder>"}.')
    # It is part of a path, /models/<name>, which clients tidy up. Names never become names of files.
    if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable() or "/" in name or name in (".", ".."):
        raise RequestError(
            400,
            "invalid_model_name",
            f"The model name {name[:200]!r} is refused; it must be 1 to {MAX_NAME_CHARACTERS} visible characters, "
            "without a slash.",
        )
    return name, url
