"""One invocation, from its body to its answer, by whichever model it is for."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Response, g, request
from werkzeug.datastructures import MIMEAccept

from container import contract
from container.errors import RequestError
from container.serving.decode_request import Image, View, decode_groups, is_lines
from container.serving.encode_response import Outcome, choose_response_type, encode_response
from container.serving.held_bytes import HeldBytes
from container.serving.limits import Limits
from container.serving.predictor import Predictor
from container.serving.receiving import WholeBody
from container.serving.settings import ServeSettings
from container.serving.stopwatch import Stopwatch

TOP_K = re.compile(r"(?:^|[\s,;&])top_k=([^\s,;&]*)")  # among whatever else a caller's custom attributes carry
READ_BYTES = 2**16


class Invocations:
    """Answers invocations of all models of a process: so many at a time, and no more bytes of bodies than it may hold.

    `held` are the bytes of all bodies in memory, those that gunicorn's worker gathers included.
    """

    def __init__(self, settings: ServeSettings, held: HeldBytes) -> None:
        self._settings = settings
        self._held = held
        self._limits = Limits(settings.max_images_per_request, settings.max_image_pixels, settings.max_request_pixels)
        # One thread is left over, to tell callers that the others are busy.
        self._admission = threading.BoundedSemaphore(max(1, settings.threads - 1))

    def answer(self, find_predictor: Callable[[], Predictor]) -> Response:
        """The response to the current request. Raises RequestError, as `find_predictor` may."""
        with self.body() as body, self._admitted():
            return self._predict(body, find_predictor())

    def _predict(self, body: bytes, predictor: Predictor) -> Response:
        stopwatch: Stopwatch = g.stopwatch
        response_type = choose_response_type(self._accepted_types())
        top_k = read_top_k(self._settings.top_k)
        view = View(predictor.crop, predictor.decode_side)
        outcomes: list[Outcome] = []
        for decode in decode_groups(body, request.content_type, self._limits, view):
            with predictor.decoding(stopwatch), stopwatch.measure("decode"):
                images = decode()
            outcomes += self._outcomes(images, predictor)
        with stopwatch.measure("encode"):
            encoded = encode_response(outcomes, predictor.class_names, top_k, response_type)
        return Response(encoded, content_type=response_type)

    def _outcomes(self, images: list[Image], predictor: Predictor) -> list[Outcome]:
        """Each image's probabilities or error. Raises the first error where it is to be the whole answer."""
        good = [image for image in images if not isinstance(image, RequestError)]
        g.num_images = g.get("num_images", 0) + len(images)
        g.num_bad_images = g.get("num_bad_images", 0) + len(images) - len(good)
        if isinstance(images[0], RequestError) and not good and not self._tells_errors_in_the_body:
            raise images[0]
        rows = iter(predictor.predict(good, g.stopwatch) if good else ())
        return [image if isinstance(image, RequestError) else next(rows) for image in images]

    @property
    def _tells_errors_in_the_body(self) -> bool:
        # A line for every line that came: batch transform joins them, and one failed request would fail the job.
        return self._settings.errors == "body" or is_lines(request.content_type)

    def _accepted_types(self) -> MIMEAccept:
        """What the caller accepts; whoever sends lines and does not say gets lines."""
        accept = request.accept_mimetypes
        is_open = not accept or all(value == "*/*" for value, _ in accept)
        return MIMEAccept([(str(request.mimetype), 1)]) if is_open and is_lines(request.content_type) else accept

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        if not self._admission.acquire(blocking=False):
            raise RequestError(429, "overloaded", "All threads of this server are busy; send the request again later.")
        try:
            yield
        finally:
            self._admission.release()

    @contextmanager
    def body(self) -> Iterator[bytes]:
        """The request's body; while it is in use, it counts as held."""
        stream = request.environ["wsgi.input"]
        if isinstance(stream, WholeBody):
            g.stopwatch.add("read", stream.seconds)
            yield stream.content
            return
        if (request.content_length or 0) > self._settings.max_body_bytes:
            raise self._too_large()
        pieces: list[bytes] = []
        taken = 0
        try:
            with g.stopwatch.measure("read"):
                for piece in _pieces(stream):
                    if not self._held.take(len(piece)):
                        raise RequestError(
                            429, "overloaded", "This server holds as many bytes as it may; send it later."
                        )
                    taken += len(piece)
                    pieces.append(piece)
                    if taken > self._settings.max_body_bytes:
                        raise self._too_large()
            yield b"".join(pieces)
        finally:
            self._held.give_back(taken)

    def _too_large(self) -> RequestError:
        limit = self._settings.max_body_bytes
        return RequestError(413, "body_too_large", f"The body is too large; at most {limit} bytes are accepted.")


def read_top_k(default: int) -> int:
    """How many labels the current request asks for. Raises RequestError 422 if that cannot be read."""
    attribute = TOP_K.search(request.headers.get(contract.CUSTOM_ATTRIBUTES_HEADER, ""))
    text = request.args.get("top_k", attribute[1] if attribute else None)
    if text is None:
        return default
    if not re.fullmatch(r"0*[1-9][0-9]{0,5}", text):
        raise RequestError(422, "invalid_top_k", f"top_k is {text[:32]!r}; it must be a whole number of at least 1.")
    return int(text)


def _pieces(stream: object) -> Iterator[bytes]:
    """A chunked body, piece by piece. Raises RequestError if it does not come, or not as a body."""
    try:
        while piece := stream.read(READ_BYTES):  # type: ignore[attr-defined]
            yield piece
    except TimeoutError as error:
        raise RequestError(408, "too_slow", "The request did not come in time; send it again.") from error
    except (OSError, ValueError) as error:  # gunicorn's own errors of framing are OSErrors too
        raise RequestError(400, "broken_body", "The body ended before its end; send the request again.") from error
