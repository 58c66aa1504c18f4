"""One invocation, from its body to its answer, by whichever model it is for."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Response, g, request
from torch import Tensor
from werkzeug.datastructures import MIMEAccept

from container.errors import RequestError
from container.serving.decode_request import Image, View, decode_groups, is_lines
from container.serving.encode_response import Answers, choose_response_type, encode_response
from container.serving.explain import explain
from container.serving.held_bytes import HeldBytes
from container.serving.limits import Limits
from container.serving.options import Options, read_options
from container.serving.predictor import Predictor
from container.serving.receiving import WholeBody
from container.serving.settings import ServeSettings
from container.serving.stopwatch import Stopwatch

READ_BYTES = 2**16


class Invocations:
    """Answers invocations of all models of a process: so many at a time, and no more bytes of bodies than it may hold.

    `held` are the bytes of all bodies in memory, those that gunicorn's worker gathers included.
    """

    def __init__(self, settings: ServeSettings, held: HeldBytes) -> None:
        self._settings = settings
        self._held = held
        self._limits = Limits(settings.max_images_per_request, settings.max_image_pixels, settings.max_request_pixels)
        # One thread is left over, to tell callers that the others are busy. gunicorn's worker refuses nearly all of
        # them before (worker.py, `_is_full`), by a request's first bytes, and counts what waits for a thread, whatever
        # it is. So it cannot be the only one to count: an address in another spelling passes it and is refused here.
        self._admission = threading.BoundedSemaphore(max(1, settings.threads - 1))

    def answer(self, find_predictor: Callable[[], Predictor]) -> Response:
        """The response to the current request. Raises RequestError, as `find_predictor` may."""
        with self.body() as body, self._admitted():
            return self._predict(body, find_predictor())

    def _predict(self, body: bytes, predictor: Predictor) -> Response:
        stopwatch: Stopwatch = g.stopwatch
        options = read_options(self._settings.top_k)
        response_type = choose_response_type(self._accepted_types(), options.explains)
        answers = Answers(predictor.class_names, [], [])
        for decode in decode_groups(body, request.content_type, self._limits, self._view(predictor, options)):
            with predictor.decoding(stopwatch), stopwatch.measure("decode"):
                images = decode()
            self._add(answers, images, predictor, options)
        with stopwatch.measure("encode"):
            encoded = encode_response(answers, options.top_k, response_type)
        return Response(encoded, content_type=response_type)

    def _view(self, predictor: Predictor, options: Options) -> View:
        if not options.explains:
            return View(predictor.crop, predictor.decode_side)
        g.sizes = []  # (width, height) of each image that could be decoded

        def crop(image: Tensor) -> Tensor:
            g.sizes.append((image.shape[2], image.shape[1]))
            return predictor.crop(image)

        return View(crop, predictor.decode_side)

    def _add(self, answers: Answers, images: list[Image], predictor: Predictor, options: Options) -> None:
        """Add each image's probabilities or error. Raises the first error where it is to be the whole answer."""
        good = [image for image in images if not isinstance(image, RequestError)]
        g.num_images = g.get("num_images", 0) + len(images)
        g.num_bad_images = g.get("num_bad_images", 0) + len(images) - len(good)
        if isinstance(images[0], RequestError) and not good and not self._tells_errors_in_the_body:
            raise images[0]
        probabilities = predictor.predict(good, g.stopwatch) if good else ()  # (N, K)
        rows = iter(probabilities)
        answers.outcomes.extend(image if isinstance(image, RequestError) else next(rows) for image in images)
        if options.explains and isinstance(probabilities, Tensor):
            with g.stopwatch.measure("inference"):
                answers.explanations.extend(explain(predictor, good, probabilities, g.sizes, options.label))
            g.sizes.clear()

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


def _pieces(stream: object) -> Iterator[bytes]:
    """A chunked body, piece by piece. Raises RequestError if it does not come, or not as a body."""
    try:
        while piece := stream.read(READ_BYTES):  # type: ignore[attr-defined]
            yield piece
    except TimeoutError as error:
        raise RequestError(408, "too_slow", "The request did not come in time; send it again.") from error
    except (OSError, ValueError) as error:  # gunicorn's own errors of framing are OSErrors too
        raise RequestError(400, "broken_body", "The body ended before its end; send the request again.") from error
