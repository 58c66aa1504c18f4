"""The web application: its routes, one log line per request, and JSON errors with a stable code.

Codes: not_found, method_not_allowed; warming_up, model_unavailable (503); overloaded, model_busy (429); too_slow (408);
not_acceptable; body_too_large, too_many_images, too_many_pixels, too_many_values, image_too_complex;
unsupported_content_type; empty_image, undecodable_image, invalid_json, invalid_base64, invalid_multipart, invalid_npy,
broken_body, bad_request, bad_http; no_instances, invalid_instance, no_images, wrong_array, invalid_top_k,
invalid_explain, invalid_label, not_one_image, no_explanation; internal_error.
"""

import logging
import re
import uuid
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from container import contract
from container.errors import RequestError
from container.serving.answer import Invocations
from container.serving.decode_request import JSON_TYPE
from container.serving.demo.routes import add_run_routes, demo_page
from container.serving.demo.run_files import HTML_TYPE
from container.serving.describe import describe_model, execution_parameters
from container.serving.error_answer import error_body, retry_headers
from container.serving.held_bytes import HeldBytes
from container.serving.json_log import embedded_metrics, log_event
from container.serving.memory import resident_bytes
from container.serving.metrics import Metrics
from container.serving.multi_model.openapi import describe_multi_model_api
from container.serving.multi_model.routes import add_multi_model_routes
from container.serving.multi_model.store import ModelStore
from container.serving.openapi import describe_api
from container.serving.readiness import Readiness
from container.serving.settings import ServeSettings
from container.serving.stopwatch import Stopwatch

REQUEST_ID_HEADER = "X-Request-Id"
REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")  # visible ASCII, so that it can go back in a header
PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Refusal = tuple[dict[str, dict[str, str]], int, list[tuple[str, str]]]


def create_app(
    settings: ServeSettings,
    models: Readiness | ModelStore,
    held: HeldBytes | None = None,
    metrics: Metrics | None = None,
) -> Flask:
    """The application: of one model, for which it answers 503 until it has warmed up, or of many."""
    app = Flask("serve", static_folder=None)
    metrics = metrics or Metrics()
    _add_request_log(app, settings, metrics)
    _add_error_answers(app)
    invocations = Invocations(settings, held or HeldBytes(settings.max_held_bytes))
    if isinstance(models, ModelStore):
        add_multi_model_routes(app, settings, models, invocations)
    else:
        _add_model_routes(app, settings, models, invocations)

    @app.get("/metrics")
    def tell_metrics() -> Response:
        metrics.set_resident(resident_bytes())
        return Response(metrics.exposition(models.description), content_type=PROMETHEUS_TYPE)

    @app.get("/execution-parameters")
    def tell_execution_parameters() -> dict[str, int]:
        return execution_parameters(settings)

    @app.get("/openapi.json")
    def tell_api() -> dict[str, Any]:
        return describe_multi_model_api(settings) if settings.multi_model else describe_api(settings)

    return app


def _add_model_routes(app: Flask, settings: ServeSettings, readiness: Readiness, invocations: Invocations) -> None:
    if settings.demo:
        add_run_routes(app, settings.base_dir)

    @app.get("/ping")
    def ping() -> dict[str, str]:
        return {"status": "ready", **readiness.predictor().description}

    @app.get("/")
    def tell_model() -> Response | dict[str, Any]:
        if settings.demo and request.accept_mimetypes.best_match((JSON_TYPE, HTML_TYPE)) == HTML_TYPE:
            return demo_page(settings.base_dir)
        return describe_model(readiness.predictor(), settings)

    @app.post("/invocations")
    def invoke() -> Response:
        # With several workers, /ping may be 200 while one of them, new or replaced, still warms up: wait for it.
        return invocations.answer(lambda: readiness.predictor(wait_seconds=settings.timeout_seconds))


def _add_request_log(app: Flask, settings: ServeSettings, metrics: Metrics) -> None:
    @app.before_request
    def start() -> None:
        g.stopwatch = Stopwatch()
        sent = request.headers.get(contract.INFERENCE_ID_HEADER) or request.headers.get(REQUEST_ID_HEADER) or ""
        g.request_id = sent if REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
        metrics.begin()

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers[REQUEST_ID_HEADER] = g.request_id
        milliseconds = g.stopwatch.milliseconds()
        if request.path.endswith(("/invocations", "/invoke")):
            response.headers["Server-Timing"] = ", ".join(
                f"{name.removesuffix('_ms')};dur={value}" for name, value in milliseconds.items()
            )
        images, bad_images = g.get("num_images", 0), g.get("num_bad_images", 0)
        route = request.url_rule.rule.replace("<", "{").replace(">", "}") if request.url_rule else request.path
        metrics.end(route, response.status_code, milliseconds, images, bad_images)
        log_event(
            "request",
            # Health checks come every few seconds for as long as an endpoint lives.
            logging.DEBUG if request.path in ("/ping", "/metrics") else logging.INFO,
            request_id=g.request_id,
            method=request.method,
            route=request.path,
            status=response.status_code,
            error_code=g.get("error_code"),
            content_type=request.content_type,
            bytes=request.content_length,
            response_type=response.content_type,
            response_bytes=response.content_length,
            images=images,
            bad_images=bad_images,
            **milliseconds,
            **(embedded_metrics(settings.metrics_namespace) if settings.metrics_namespace and images else {}),
        )
        return response


def _add_error_answers(app: Flask) -> None:
    @app.errorhandler(RequestError)
    def refuse(error: RequestError) -> Refusal:
        g.error_code = error.code
        return error_body(error), error.status, retry_headers(error.status)

    @app.errorhandler(HTTPException)
    def refuse_http(error: HTTPException) -> Refusal:
        status = error.code or 500
        code = {404: "not_found", 405: "method_not_allowed"}.get(status, "bad_request")
        sentence = f"{request.method} {request.path[:200]}: {error.name}; GET /openapi.json tells what there is."
        body, status, headers = refuse(RequestError(status, code, sentence))
        return body, status, [*headers, *((name, value) for name, value in error.get_headers() if name == "Allow")]

    @app.errorhandler(Exception)
    def fail(error: Exception) -> Refusal:
        log_event("request_failed", logging.ERROR, exc_info=True, request_id=g.request_id)
        message = f"The server failed; its log tells why, under request id {g.request_id}."
        return refuse(RequestError(500, "internal_error", message))
