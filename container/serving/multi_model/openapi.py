"""The routes of a multi-model endpoint as an OpenAPI description."""

from typing import Any

from container.serving.decode_request import JSON_TYPE
from container.serving.openapi import TEXT, describe_api, describe_get, describe_refusals
from container.serving.settings import ServeSettings

MODEL = {
    "type": "object",
    "required": ["modelName", "modelUrl"],
    "properties": {"modelName": TEXT, "modelUrl": TEXT},
}
MODELS = {
    "type": "object",
    "required": ["models"],
    "properties": {
        "models": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}},
        "nextPageToken": TEXT,
    },
}
LOAD = {
    "type": "object",
    "required": ["model_name", "url"],
    "properties": {"model_name": {"type": "string", "minLength": 1, "maxLength": 256}, "url": TEXT},
}
REFERENCE = {"$ref": "#/components/schemas/Model"}
NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
TOKEN = {"name": "next_page_token", "in": "query", "description": "nextPageToken of the page before", "schema": TEXT}


def describe_multi_model_api(settings: ServeSettings) -> dict[str, Any]:
    """An OpenAPI 3.1 document of what this server answers when it holds many models."""
    document = describe_api(settings)
    paths = document["paths"]
    invoke = paths.pop("/invocations")["post"]
    invoke["parameters"] = [NAME, *invoke["parameters"]]
    invoke["responses"].update(describe_refusals((404, 507)))
    named = {
        "get": {**describe_get("A loaded model", JSON_TYPE, REFERENCE, (404,)), "parameters": [NAME]},
        "delete": {**describe_get("The model that was unloaded", JSON_TYPE, REFERENCE, (404,)), "parameters": [NAME]},
    }
    listed = {
        "get": {**describe_get("A page of the loaded models", JSON_TYPE, MODELS), "parameters": [TOKEN]},
        "post": {
            **describe_get("The model that was loaded", JSON_TYPE, REFERENCE, (400, 404, 408, 409, 413, 429, 503, 507)),
            "requestBody": {"required": True, "content": {JSON_TYPE: {"schema": LOAD}}},
        },
    }
    paths |= {"/models": listed, "/models/{name}": named, "/models/{name}/invoke": {"post": invoke}}
    document["components"]["schemas"]["Model"] = MODEL
    return document
