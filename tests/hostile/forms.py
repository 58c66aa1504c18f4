"""multipart/form-data with broken boundaries, thousands of parts and endless headers."""

from random import Random

from tests.hostile.case import Builder, Sent
from tests.hostile.good_images import all_images
from tests.hostile.mutations import mutate

TYPE = "multipart/form-data; boundary="
DISPOSITIONS = (
    *(
        b'form-data; name="a"; filename="a.jpg"',
        b"form-data",
        b'form-data; name="',
        b'form-data; name="a"; filename="../../x"',
    ),
    *(
        b"attachment",
        b"",
        b"form-data; name*=utf-8''%ff%00; filename*=utf-16''%d8%00",
        b'form-data; name="\xff"; filename="\0"',
    ),
    *(b'form-data; filename="' + b"\\" * 3000, b"form-data; " + b";" * 3000, b'form-data; name="a"; filename=""'),
    b"form-data; " + b"; ".join(b"filename*%d=a" % number for number in range(400)),
)
BOUNDARIES = (
    "b",
    "-",
    "--",
    "b" * 70,
    "b" * 3000,
    "(",
    "a+b",
    "\\",
    "é",
    "",
    '"b"',
    "'",
    " b",
    "b ",
    "%00",
    "[a",
    "b;x=y",
)


def part(disposition: bytes, content: bytes, boundary: bytes = b"b", more: bytes = b"", line: bytes = b"\r\n") -> bytes:
    head = b"--" + boundary + line + b"Content-Disposition: " + disposition + line + more + line
    return head + content + line


def odd_parts(rng: Random) -> Sent:
    parts = [part(rng.choice(DISPOSITIONS), rng.choice(all_images())) for _ in range(rng.randrange(1, 5))]
    return Sent(TYPE + "b", b"".join(parts) + rng.choice((b"--b--\r\n", b"--b--", b"--b", b"")))


def boundaries(rng: Random) -> Sent:
    """A boundary that is not the content type's, or that is no good one."""
    boundary = rng.choice(BOUNDARIES)
    inside = rng.choice((boundary, boundary.strip('"'), "b")).encode()
    body = part(DISPOSITIONS[0], rng.choice(all_images()), inside) + b"--" + inside + b"--"
    return Sent(
        TYPE + boundary, rng.choice((body, body * 2, body.replace(b"\r\n", b"\n"), body.replace(b"\r\n", b"\r")))
    )


def many_parts(rng: Random) -> Sent:
    content = rng.choice((b"", b"x", all_images()[0]))
    one = part(rng.choice((DISPOSITIONS[0], b"form-data; name=a")), content)
    return Sent(TYPE + "b", one * rng.choice((16, 17, 64, 65, 81, 5000)) + b"--b--\r\n")


def long_headers(rng: Random) -> Sent:
    more = rng.choice(
        (
            b"X: " + b"a" * 100_000 + b"\r\n",
            b"X: a\r\n" * 5000,
            b" folded\r\n" * 5000,
            b"no colon\r\n",
            b"\0: x\r\n",
            b"\r" * 50_000,
        )
    )
    ending = rng.choice((b"--b--\r\n", b""))
    return Sent(TYPE + "b", part(DISPOSITIONS[0], b"x", more=more) + ending)


def look_alikes(rng: Random) -> Sent:
    """Content that is nearly the boundary, over and over."""
    nearly = rng.choice((b"\r\n--", b"\r\n--c", b"--b", b"\r", b"\n--b-", b"\r\n--b\r", b"\r\n--b "))
    return Sent(TYPE + "b", part(DISPOSITIONS[0], nearly * rng.choice((10, 3000, 60_000))) + b"--b--\r\n")


def nested(rng: Random) -> Sent:
    inner = part(DISPOSITIONS[0], rng.choice(all_images()), b"c") + b"--c--"
    more = b"Content-Type: multipart/mixed; boundary=c\r\n"
    return Sent(TYPE + "b", part(rng.choice(DISPOSITIONS), inner, more=more) + b"--b--\r\n")


def spoilt(rng: Random) -> Sent:
    body = part(DISPOSITIONS[0], rng.choice(all_images())) * 2 + b"--b--\r\n"
    return Sent(TYPE + "b", mutate(rng, body))


KINDS: dict[str, Builder] = {
    "parts": odd_parts,
    "boundaries": boundaries,
    "many": many_parts,
    "headers": long_headers,
    "look-alikes": look_alikes,
    "nested": nested,
    "spoilt": spoilt,
}
