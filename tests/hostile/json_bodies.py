"""JSON and JSON Lines that are deep, wide, odd, or carry base64 that is none."""

import base64
import json
from random import Random

from tests.hostile.case import BytesBuilder
from tests.hostile.good_images import all_images
from tests.hostile.mutations import mutate

DEPTHS = (10, 900, 1100, 100_000)
ODD_VALUES = (
    *(
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"-0",
        b"9" * 5000,
        b"0." + b"1" * 5000,
        b'"\\ud800"',
        b'"\\udfff\\ud800"',
        b'"\\u0000"',
    ),
    *(
        b"null",
        b"true",
        b"[]",
        b"{}",
        b'""',
        b'"data:image/png;base64,AAAA"',
        b'{"b64": null}',
        b'"\xff"',
        b"'x'",
        b"+1",
        b"01",
    ),
)


def base64_text(rng: Random) -> bytes:
    """The base64 of an image, mostly spoilt."""
    body = rng.choice(all_images())
    text = base64.b64encode(mutate(rng, body) if rng.random() < 0.3 else body)
    at = rng.randrange(len(text)) if text else 0
    return rng.choice(
        (
            text,
            text[:-1],
            text.rstrip(b"=") + b"====",
            text + b"=",
            text[:at] + b"=" + text[at:],
            text[:at] + b"\\n" + text[at:],
            text[:at] + b"%" + text[at:],
            text.replace(b"+", b"-").replace(b"/", b"_"),
            text[:at] + b"\\u00e9",
            text * 2,
            b"=" * at,
            b"",
        )
    )


def instances(*texts: bytes) -> bytes:
    return b'{"instances": [' + b", ".join(b'{"b64": "' + text + b'"}' for text in texts) + b"]}"


def spoilt_base64(rng: Random) -> bytes:
    return instances(*[base64_text(rng) for _ in range(rng.choice((1, 1, 2, 5)))])


def many(rng: Random) -> bytes:
    text = rng.choice((b"", b"AAAA", base64.b64encode(rng.choice(all_images()))))
    return instances(*[text] * rng.choice((63, 64, 65, 2000)))


def deep(rng: Random) -> bytes:
    depth = rng.choice(DEPTHS)
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'{"instances":[', b"]}")))
    inside = rng.choice((b"", b"1", b'{"b64": ""}'))
    return opening * depth + inside + closing * rng.choice((depth, 0, depth - 1))


def odd_values(rng: Random) -> bytes:
    value = rng.choice(ODD_VALUES)
    shape = rng.choice(
        (
            b'{"instances": [%s]}',
            b'{"instances": [{"b64": %s}]}',
            b'{"instances": %s}',
            b"%s",
            b'{"a": %s, "instances": []}',
        )
    )
    return shape.replace(b"%s", value)


def repeated_keys(rng: Random) -> bytes:
    key = rng.choice((b"instances", b"b64", b"\\u0069nstances", b"__proto__"))
    pair = b'"%s": [{"b64": "%s", "b64": "AAAA"}]' % (key, base64_text(rng))
    return b"{" + b", ".join([pair] * rng.choice((2, 3, 500))) + b"}"


def encodings(rng: Random) -> bytes:
    text = instances(base64.b64encode(rng.choice(all_images()))).decode()
    return rng.choice(
        (
            text.encode("utf-16"),
            text.encode("utf-32"),
            text.encode("utf-8-sig"),
            text.encode("utf-16-le"),
            b"\0" + text.encode(),
            text.encode() + b"\0",
            text.encode() + b"{}",
            text.encode("utf-7"),
            text.encode()[:-2],
            b"\x1e" + text.encode(),
        )
    )


def spoilt_text(rng: Random) -> bytes:
    return mutate(rng, instances(base64.b64encode(rng.choice(all_images()))))


def lines(rng: Random) -> bytes:
    """JSON Lines: a line for an image, with lines between them that are none."""
    good = json.dumps({"b64": base64.b64encode(rng.choice(all_images())).decode()}).encode()
    parts = [
        rng.choice(
            (
                good,
                good,
                b"",
                b" ",
                b"{}",
                b"[]",
                b'{"b64": "%s"}' % base64_text(rng),
                b"[" * 2000,
                good[:-9],
                *ODD_VALUES,
            )
        )
        for _ in range(rng.choice((1, 2, 6, 64, 65, 70)))
    ]
    return rng.choice((b"\n", b"\n", b"\r\n", b"\r", b"\n\n", b"\xe2\x80\xa8", b"\0")).join(parts) + rng.choice(
        (b"", b"\n")
    )


def wide(rng: Random) -> bytes:
    """Up to 24 MB of the values that take most memory for their length."""
    part = rng.choice((b"{},", b"[],", b'"ab",', b"1e5,", b"12345,", b'{"":0},'))
    count = rng.choice((1_000_000, 24_000_000)) // len(part)
    return rng.choice((b'{"instances": [%s0]}', b"[%s0]")).replace(b"%s", part * count)


def long_text(rng: Random) -> bytes:
    """A megabyte or twenty of base64 in one image."""
    return instances(rng.choice((b"A", b"/", b"=", b"\\u0041")) * rng.choice((1_000_000, 4_000_000)))


def long_lines(rng: Random) -> bytes:
    return rng.choice((b"\n", b"{}\n", b'{"b64": ""}\n', b"[1]\r\n", b"x")) * rng.choice((100_000, 2_000_000))


JSON_KINDS: dict[str, BytesBuilder] = {
    "base64": spoilt_base64,
    "many": many,
    "deep": deep,
    "values": odd_values,
    "keys": repeated_keys,
    "encodings": encodings,
    "spoilt": spoilt_text,
}
JSON_HEAVY: dict[str, BytesBuilder] = {"wide": wide, "long": long_text}
LINES_KINDS: dict[str, BytesBuilder] = {"lines": lines}
LINES_HEAVY: dict[str, BytesBuilder] = {"long": long_lines}
