"""Bytes -> damaged bytes, in the ways in which files are damaged by accident or on purpose."""

import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
PNG_START = b"\x89PNG\r\n\x1a\n"


def truncate(rng: Random, body: bytes) -> bytes:
    return body[: rng.randrange(len(body))]


def flip_bits(rng: Random, body: bytes) -> bytes:
    damaged = bytearray(body)
    for _ in range(rng.choice((1, 1, 2, 4, 8, 32))):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def overwrite(rng: Random, body: bytes) -> bytes:
    start = rng.randrange(len(body))
    noise = rng.randbytes(rng.choice((1, 2, 4, 16, 64)))
    return (body[:start] + noise + body[start + len(noise) :])[: len(body)]


def write_extreme(rng: Random, body: bytes) -> bytes:
    """A number that lengths and counts are often not ready for, in either byte order."""
    size = rng.choice((1, 2, 4))
    value = rng.choice(EXTREMES) & (256**size - 1)
    start = rng.randrange(max(1, min(len(body) - size, rng.choice((40, 400, len(body))))))
    return body[:start] + value.to_bytes(size, rng.choice(("big", "little"))) + body[start + size :]


def delete(rng: Random, body: bytes) -> bytes:
    start = rng.randrange(len(body))
    return body[:start] + body[start + rng.choice((1, 2, 7, 50, 500)) :]


def insert(rng: Random, body: bytes) -> bytes:
    start = rng.randrange(len(body))
    return body[:start] + rng.randbytes(rng.choice((1, 2, 5, 60))) + body[start:]


def repeat(rng: Random, body: bytes) -> bytes:
    start = rng.randrange(len(body))
    part = body[start : start + rng.choice((1, 8, 40, 300))]
    return body[:start] + part * rng.choice((2, 3, 20, 200)) + body[start + len(part) :]


def empty_out(rng: Random, body: bytes) -> bytes:
    start = rng.randrange(len(body))
    return body[:start] + bytes([rng.choice((0, 255))]) * (len(body) - start)


def append(rng: Random, body: bytes) -> bytes:
    return body + rng.randbytes(rng.choice((1, 10, 1000)))


MUTATIONS: tuple[Callable[[Random, bytes], bytes], ...] = (
    *(truncate, flip_bits, flip_bits, overwrite, write_extreme, write_extreme),
    *(delete, insert, repeat, empty_out, append),
)


def mutate(rng: Random, body: bytes) -> bytes:
    """The body damaged once or a few times; never empty at first, but perhaps afterwards."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        if not body:
            break
        body = rng.choice(MUTATIONS)(rng, body)
    return body


def splice(rng: Random, bodies: Sequence[bytes]) -> bytes:
    """The start of one file and the end of another."""
    first, second = rng.choice(bodies), rng.choice(bodies)
    return first[: rng.randrange(1, len(first))] + second[rng.randrange(len(second)) :]


def mend_checksums(body: bytes) -> bytes:
    """A PNG whose chunks have the checksums of what is in them now, so that its damage is met further inside."""
    if not body.startswith(PNG_START):
        return body
    mended, position = [PNG_START], len(PNG_START)
    while position + 12 <= len(body):
        (length,) = struct.unpack_from(">I", body, position)
        end = position + 8 + length
        if end + 4 > len(body):
            break
        chunk = body[position + 4 : end]
        mended.append(body[position:end] + struct.pack(">I", zlib.crc32(chunk)))
        position = end + 4
    return b"".join([*mended, body[position:]])
