"""The one form of every error of the server, whether the application answers with it or the worker by itself."""

import json
from http import HTTPStatus

from container.errors import RequestError

RETRY_SECONDS = 1


def error_body(error: RequestError) -> dict[str, dict[str, str]]:
    return {"error": {"code": error.code, "message": str(error)}}


def retry_headers(status: int) -> list[tuple[str, str]]:
    """429 and 503 differ for whoever has to act: send it later, or there is no model to send it to."""
    return [("Retry-After", str(RETRY_SECONDS))] if status == 429 else []


def error_answer(status: int, code: str, message: str) -> bytes:
    """A whole HTTP answer, for a request that does not come to the application; the connection ends with it."""
    body = json.dumps(error_body(RequestError(status, code, message))).encode()
    head = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in retry_headers(status)),
        "Connection: close",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
