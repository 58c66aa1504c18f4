"""Hostile bodies straight into the server's code that reads them, in this process."""

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import torch
from torch import Tensor
from tqdm import tqdm

from container.data.decode import decode_image
from container.errors import ImageError, RequestError
from container.serving.decode_request import View, decode_groups
from container.serving.limits import Limits
from local_test.interrupts import deaf_children
from tests.hostile.case import Sent
from tests.hostile.generate import make_case
from tests.hostile.good_images import all_images
from tests.hostile.outcome import NO_ANSWER, Outcome, problem_of
from tests.hostile.process_memory import forget_peak, now_mib, peak_mib

LIMITS = Limits(images=64, image_pixels=50_000_000, request_pixels=100_000_000)  # the server's defaults
SIDE = 256  # what a network of 224 pixels asks of the decoder
# The most that one image may add to a process: 50 million pixels of WebP, which libwebp and Pillow hold four times.
MOST_MEMORY_MIB = 900.0


def run_all(names: Sequence[str], jobs: int) -> list[Outcome]:
    """The outcome of each case, worked on by `jobs` processes."""
    if jobs == 1:
        return run(names)
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))
    try:
        with deaf_children():
            parts = pool.map(run, [names[job::jobs] for job in range(jobs)])
        return [outcome for part in parts for outcome in part]
    except KeyboardInterrupt:
        for process in pool._processes.values():  # each has one part, which is all of its work
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def run(names: Sequence[str]) -> list[Outcome]:
    """The outcome of each case, and of good images last: they must be decoded as before."""
    torch.set_num_threads(1)
    before = good_pixels()
    outcomes = [run_case(name) for name in tqdm(names, "bodies", unit="body", disable=None, leave=False)]
    same = all(torch.equal(one, other) for one, other in zip(before, good_pixels(), strict=True))
    return [
        *outcomes,
        Outcome("good/images/0", 200, 0, problem="" if same else "they are decoded otherwise than before"),
    ]


def good_pixels() -> list[Tensor]:
    return [decode_image(body) for body in all_images()]


def run_case(name: str) -> Outcome:
    sent = make_case(name).sent
    assert isinstance(sent, Sent)
    forget_peak()
    # The processor's time, as nothing here waits and other work on the machine must not count.
    memory, start = now_mib(), time.process_time()
    try:
        status, problem = read(sent), ""
    except Exception as error:  # whatever it is: the next case must run too
        status, problem = NO_ANSWER, f"{type(error).__name__}: {str(error)[:200]}"
    seconds, grown = time.process_time() - start, peak_mib() - memory
    if grown > MOST_MEMORY_MIB:
        problem = problem or f"{grown:.0f} MiB"
    return Outcome(name, status, seconds, grown, problem or problem_of(status, seconds))


def read(sent: Sent) -> int:
    """The status of a body's answer. Raises what should never be raised."""
    if sent.content_type.startswith("image/"):
        _decode_in_full(sent.body)
    try:
        groups = decode_groups(sent.body, sent.content_type, LIMITS, View(crop=_check_pixels, side=SIDE))
        images = [image for group in groups for image in group()]
    except RequestError as error:
        return error.status
    refusals = [image.status for image in images if isinstance(image, RequestError)]
    return refusals[0] if len(refusals) == len(images) else 200


def _decode_in_full(body: bytes) -> None:
    # As training does, which takes any side; large ones were tried by the server's way already.
    if len(body) < 100_000:
        try:
            _check_pixels(decode_image(body, max_pixels=1_000_000))
        except ImageError as error:
            _check_sentence(str(error))


def _check_pixels(pixels: Tensor) -> Tensor:
    assert pixels.dtype == torch.uint8, pixels.dtype
    assert pixels.ndim == 3, pixels.shape
    assert pixels.shape[0] == 3, pixels.shape
    assert pixels.numel() > 0, pixels.shape
    return pixels[:, :1, :1].clone()


def _check_sentence(text: str) -> None:
    assert text.endswith("."), text
