"""The server's routes as an OpenAPI description, from the same names that the code uses."""

from typing import Any

from container.serving.decode_request import IMAGE_TYPES, JSON_TYPE, LINES_TYPES, MULTIPART_TYPE, NPY_TYPE
from container.serving.demo.run_files import HTML_TYPE, REPORTS
from container.serving.encode_response import ACCEPTED_TYPES, PNG_TYPE
from container.serving.options import MAP
from container.serving.settings import ServeSettings

TEXT = {"type": "string"}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "object", "required": ["code", "message"], "properties": {"code": TEXT, "message": TEXT}}
    },
}
PREDICTION = {
    "type": "object",
    "required": ["labels", "probabilities"],
    "properties": {
        "labels": {"type": "array", "items": TEXT},
        "probabilities": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}},
    },
}
INSTANCE = {
    "type": "object",
    "required": ["b64"],
    "properties": {"b64": {"type": "string", "contentEncoding": "base64"}},
}
OBJECT = {"type": "object"}
REFUSALS = {
    400: "The body cannot be read",
    404: "There is no such route, or no such model",
    405: "The route has another method",
    406: "None of the accepted types can be given",
    408: "The body did not come in time",
    409: "A model of that name is loaded",
    413: "The body, an image or the number of images is over its limit",
    415: "The content type is not supported",
    422: "The body can be read, but holds no images, or a parameter is wrong",
    429: "The server is busy; send the request again after the seconds in Retry-After",
    503: "There is no model yet, or none that can be loaded",
    507: "Memory is short",
}


def describe_api(settings: ServeSettings) -> dict[str, Any]:
    """An OpenAPI 3.1 document of what this server answers."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Image classifier", "version": "1"},
        "paths": {
            "/ping": {"get": describe_get("Whether a model is ready", JSON_TYPE, OBJECT, (503,))},
            "/": {"get": describe_get("Model card, class names and limits", JSON_TYPE, OBJECT, (503,))},
            "/invocations": {"post": _invocations(settings)},
            "/execution-parameters": {"get": describe_get("What batch transform is to send", JSON_TYPE, OBJECT)},
            "/metrics": {"get": describe_get("Counts and latencies in the format of Prometheus", "text/plain", TEXT)},
            "/openapi.json": {"get": describe_get("This description", JSON_TYPE, OBJECT)},
            **(_run_files() if settings.demo else {}),
        },
        "components": {"schemas": {"Error": ERROR, "Prediction": PREDICTION}},
    }


def _run_files() -> dict[str, Any]:
    report = describe_get("A report of the run, as a page", HTML_TYPE, TEXT, (404,))
    sample = describe_get("One of the images of the run's data", IMAGE_TYPES[0], {**TEXT, "format": "binary"}, (404,))
    name = {"name": "name", "in": "path", "required": True, "schema": {**TEXT, "enum": list(REPORTS)}}
    number = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}
    return {
        "/reports/{name}": {"get": {**report, "parameters": [name]}},
        "/samples/{number}": {"get": {**sample, "parameters": [number]}},
    }


def describe_get(
    summary: str, content_type: str, schema: dict[str, Any], refusals: tuple[int, ...] = ()
) -> dict[str, Any]:
    answer = {"description": summary, "content": {content_type: {"schema": schema}}}
    return {"summary": summary, "responses": {"200": answer, **describe_refusals(refusals)}}


def describe_refusals(statuses: tuple[int, ...]) -> dict[str, Any]:
    content = {JSON_TYPE: {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {str(status): {"description": REFUSALS[status], "content": content} for status in statuses}


def _invocations(settings: ServeSettings) -> dict[str, Any]:
    binary: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
    instances = {
        "type": "object",
        "required": ["instances"],
        "properties": {
            "instances": {
                "type": "array",
                "items": INSTANCE,
                "minItems": 1,
                "description": f"At most {settings.max_images_per_request}; more: 413.",
            }
        },
    }
    form = {
        "type": "object",
        "properties": {"image": {"type": "array", "items": {"type": "string", "format": "binary"}}},
    }
    bodies: dict[str, Any] = {
        **{image_type: binary for image_type in IMAGE_TYPES if image_type},
        JSON_TYPE: {"schema": instances},
        **{lines_type: {"schema": TEXT} for lines_type in LINES_TYPES},
        MULTIPART_TYPE: {"schema": form},
        NPY_TYPE: binary,
    }
    item = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Prediction", "Error")]}
    predictions = {
        "type": "object",
        "required": ["predictions"],
        "properties": {"predictions": {"type": "array", "items": item}},
    }
    answers: dict[str, Any] = {accepted: {"schema": TEXT} for accepted in (*ACCEPTED_TYPES, PNG_TYPE)}
    answers[JSON_TYPE] = {"schema": predictions}
    answers[NPY_TYPE] = answers[PNG_TYPE] = binary
    return {
        "summary": "Labels and probabilities of images",
        "parameters": [
            {
                "name": "top_k",
                "in": "query",
                "description": f"Labels per image; {settings.top_k} if left out.",
                "schema": {"type": "integer", "minimum": 1, "maximum": 999_999},
            },
            {
                "name": "explain",
                "in": "query",
                "description": "Adds where in each image its label was found; in image/png, shows it.",
                "schema": {"type": "string", "enum": [MAP]},
            },
            {
                "name": "label",
                "in": "query",
                "description": "The class to explain, in place of the most likely one.",
                "schema": TEXT,
            },
        ],
        "requestBody": {"required": True, "content": bodies},
        "responses": {
            "200": {"description": "A prediction, or an error, for each image in its order", "content": answers},
            **describe_refusals((400, 406, 408, 413, 415, 422, 429, 503)),
        },
    }
