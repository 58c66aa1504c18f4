"""The web application: GET /ping, POST /invocations, and JSON errors with a stable code.

Codes: not_found, method_not_allowed; warming_up, model_unavailable, model_busy (503), overloaded (429);
not_acceptable; body_too_large, too_many_images, too_many_pixels; unsupported_content_type; empty_image,
undecodable_image, invalid_json, invalid_base64, invalid_multipart, invalid_npy, bad_request; no_instances,
invalid_instance, no_images, wrong_array, invalid_top_k; internal_error.
"""

import logging
import re
import threading
import uuid

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from container import contract
from container.errors import RequestError
from container.serving.decode_request import Limits, View, decode_request
from container.serving.encode_response import Outcome, choose_response_type, encode_response, error_body
from container.serving.json_log import log_event
from container.serving.readiness import Readiness
from container.serving.settings import ServeSettings
from container.serving.stopwatch import Stopwatch

REQUEST_ID_HEADER = "X-Request-Id"
REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")  # visible ASCII, so that it can go back in a header
TOP_K = re.compile(r"(?:^|[\s,;&])top_k=([^\s,;&]*)")  # among whatever else a caller's custom attributes carry
DISCARD_BYTES = 2**16
MAX_DISCARDED_BYTES = 2**28


def create_app(settings: ServeSettings, readiness: Readiness) -> Flask:
    """The application; it answers 503 until `readiness` has warmed up."""
    app = Flask("serve", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes + 1  # see _read_body
    _add_request_log(app)
    _add_error_answers(app, settings)
    limits = Limits(settings.max_images_per_request, settings.max_image_pixels, settings.max_request_pixels)
    # One thread is left over: a burst of invocations must not keep /ping waiting, or SageMaker replaces the instance.
    admission = threading.BoundedSemaphore(max(1, settings.threads - 1))

    @app.get("/ping")
    def ping() -> dict[str, str]:
        return {"status": "ready", **readiness.predictor().description}

    @app.post("/invocations")
    def invocations() -> Response:
        if not admission.acquire(blocking=False):
            raise RequestError(429, "overloaded", "All threads of this server are busy; send the request again later.")
        try:
            return _answer(settings, readiness, limits)
        finally:
            admission.release()

    return app


def _answer(settings: ServeSettings, readiness: Readiness, limits: Limits) -> Response:
    stopwatch: Stopwatch = g.stopwatch
    # With several workers, /ping may be 200 while one of them, new or replaced, still warms up: wait for it.
    predictor = readiness.predictor(wait_seconds=settings.timeout_seconds)
    response_type = choose_response_type(request.accept_mimetypes)
    top_k = _read_top_k(settings.top_k)
    with stopwatch.measure("read"):
        body = _read_body(settings.max_body_bytes)
    view = View(predictor.crop, predictor.decode_side)
    with predictor.decoding(stopwatch), stopwatch.measure("decode"):
        images = decode_request(body, request.content_type, limits, view)
    good = [image for image in images if not isinstance(image, RequestError)]
    g.num_images, g.num_bad_images = len(images), len(images) - len(good)
    if isinstance(images[0], RequestError) and not good:
        raise images[0]
    probabilities = iter(predictor.predict(good, stopwatch))  # a row for each good image
    outcomes: list[Outcome] = [image if isinstance(image, RequestError) else next(probabilities) for image in images]
    with stopwatch.measure("encode"):
        encoded = encode_response(outcomes, predictor.class_names, top_k, response_type)
    return Response(encoded, content_type=response_type)


def _read_body(max_bytes: int) -> bytes:
    # Werkzeug cuts a chunked body off at its own limit without a word; that limit is one byte more than ours.
    body = request.get_data(cache=False)
    if len(body) > max_bytes:
        raise RequestEntityTooLarge
    return body


def _read_top_k(default: int) -> int:
    attribute = TOP_K.search(request.headers.get(contract.CUSTOM_ATTRIBUTES_HEADER, ""))
    text = request.args.get("top_k", attribute[1] if attribute else None)
    if text is None:
        return default
    if not re.fullmatch(r"0*[1-9][0-9]{0,5}", text):
        raise RequestError(422, "invalid_top_k", f"top_k is {text[:32]!r}; it must be a whole number of at least 1.")
    return int(text)


def _add_request_log(app: Flask) -> None:
    @app.before_request
    def start() -> None:
        g.stopwatch = Stopwatch()
        sent = request.headers.get(contract.INFERENCE_ID_HEADER) or request.headers.get(REQUEST_ID_HEADER) or ""
        g.request_id = sent if REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers[REQUEST_ID_HEADER] = g.request_id
        log_event(
            "request",
            # Health checks come every few seconds for as long as an endpoint lives.
            logging.DEBUG if request.path == "/ping" else logging.INFO,
            request_id=g.request_id,
            method=request.method,
            route=request.path,
            status=response.status_code,
            error_code=g.get("error_code"),
            content_type=request.content_type,
            bytes=request.content_length,
            response_type=response.content_type,
            response_bytes=response.content_length,
            images=g.get("num_images", 0),
            bad_images=g.get("num_bad_images", 0),
            **g.stopwatch.milliseconds(),
        )
        return response


def _add_error_answers(app: Flask, settings: ServeSettings) -> None:
    @app.errorhandler(RequestError)
    def refuse(error: RequestError) -> tuple[dict[str, dict[str, str]], int]:
        _discard_body()
        g.error_code = error.code
        return error_body(error), error.status

    @app.errorhandler(RequestEntityTooLarge)
    def refuse_large_body(_: RequestEntityTooLarge) -> tuple[dict[str, dict[str, str]], int]:
        limit = settings.max_body_bytes
        return refuse(
            RequestError(413, "body_too_large", f"The body is too large; at most {limit} bytes are accepted.")
        )

    @app.errorhandler(HTTPException)
    def refuse_http(error: HTTPException) -> tuple[dict[str, dict[str, str]], int, list[tuple[str, str]]]:
        status = error.code or 500
        code = {404: "not_found", 405: "method_not_allowed"}.get(status, "bad_request")
        sentence = f"{request.method} {request.path}: {error.name}; use GET /ping or POST /invocations."
        headers = [(name, value) for name, value in error.get_headers() if name == "Allow"]
        return *refuse(RequestError(status, code, sentence)), headers

    @app.errorhandler(Exception)
    def fail(error: Exception) -> tuple[dict[str, dict[str, str]], int]:
        log_event("request_failed", logging.ERROR, exc_info=True, request_id=g.request_id)
        message = f"The server failed; its log tells why, under request id {g.request_id}."
        return refuse(RequestError(500, "internal_error", message))


def _discard_body() -> None:
    # A connection that is closed with bytes unread is reset, and the caller would never see the answer.
    stream, left = request.environ["wsgi.input"], MAX_DISCARDED_BYTES
    try:
        while left > 0 and (discarded := len(stream.read(DISCARD_BYTES))):
            left -= discarded
    except (OSError, ValueError):
        pass  # the caller has gone
