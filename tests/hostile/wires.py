"""HTTP that breaks its rules, as the bytes that a client writes to its connection."""

from random import Random

from tests.hostile.case import Builder, Pause, Wire
from tests.hostile.good_images import good_images
from tests.hostile.mutations import mutate
from tests.hostile.odd_words import CODINGS, LENGTHS, METHODS, ODD_HEADERS, SIZES, TARGETS, VERSIONS

LINE = b"\r\n"


def photo() -> bytes:
    return good_images("jpeg")["baseline"]


def head(
    *headers: bytes, method: bytes = b"POST", target: bytes = b"/invocations", version: bytes = b"HTTP/1.1"
) -> bytes:
    first = b" ".join([method, target, *([version] if version else [])])
    return LINE.join([first, b"Host: a", b"Connection: close", *headers, b"", b""])


def of_length(body: bytes) -> bytes:
    return b"Content-Length: %d" % len(body)


def chunked(body: bytes, size: int = 100) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def wrong_length(rng: Random) -> Wire:
    body = photo()
    length = rng.choice((0, 1, len(body) - 1, len(body) + 1, len(body) * 9, 25 * 2**20, 10**12))
    return Wire((head(b"Content-Length: %d" % length), body))


def odd_length(rng: Random) -> Wire:
    body, template = photo(), rng.choice(LENGTHS)
    text = template.replace(b"%d", b"%d" % len(body)).replace(b"%x", b"%x" % len(body))
    return Wire((head(b"Content-Length: " + text), body))


def two_framings(rng: Random) -> Wire:
    """Two lengths, or a length and chunks: what smuggles requests past a proxy."""
    body, length, coding = photo(), of_length(photo()), b"Transfer-Encoding: " + rng.choice(CODINGS)
    headers = rng.choice(
        (
            (length, length),
            (length, b"Content-Length: 5"),
            (length, coding),
            (coding, length),
            (coding,),
            (coding, coding),
        )
    )
    version = rng.choice((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"))
    return Wire(
        (
            head(*headers, version=version),
            rng.choice((body, chunked(body), chunked(body) + head(method=b"GET", target=b"/ping"))),
        )
    )


def header_flood(rng: Random) -> Wire:
    count = rng.choice((90, 99, 101, 1000, 20_000))
    return Wire((head(of_length(photo()), *[b"X-%d: a" % number for number in range(count)]), photo()))


def odd_header(rng: Random) -> Wire:
    return Wire((head(of_length(photo()), *rng.sample(ODD_HEADERS, rng.choice((1, 1, 2)))), photo()))


def odd_chunks(rng: Random) -> Wire:
    good = b"64\r\n" + photo()[:100] + b"\r\n"
    bad = rng.choice(SIZES) + LINE + photo()[:5] + rng.choice((LINE, b"", b"\n", b"xx"))
    body = rng.choice(
        (
            good + bad,
            bad,
            good,
            chunked(photo())[:-2],
            chunked(photo(), 1),
            chunked(photo()).replace(LINE, b"\n"),
            chunked(photo())[:-2] + b"X-Trailer: " + b"a" * rng.choice((5, 90_000)) + LINE + LINE,
            chunked(photo())[:-2] + b"X: a\r\n" * 5000 + LINE,
            chunked(photo())[:-2] + b"Content-Length: 1\r\n\r\n",
            b"64;ext=" + b"e" * rng.choice((5, 50_000)) + LINE + photo()[:100] + LINE + b"0\r\n\r\n",
            b"64;\n\r\n",
            b"0\r\n",
        )
    )
    return Wire((head(b"Transfer-Encoding: chunked"), body))


def pipeline(rng: Random) -> Wire:
    """Many requests at once, some with bodies that nobody asked for."""
    one = rng.choice(
        (
            b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /ping HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            b"POST /invocations HTTP/1.1\r\nHost: a\r\n" + of_length(photo()) + LINE + LINE + photo(),
            b"POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"x" * 300),
        )
    )
    return Wire(
        (
            one * rng.choice((2, 5, 40))
            + rng.choice((b"", b"\r\n\r\n", b"junk\r\n\r\n"))
            + head(method=b"GET", target=b"/ping"),
        )
    )


def odd_line(rng: Random) -> Wire:
    line = rng.choice(
        (
            head(method=rng.choice(METHODS)),
            head(target=rng.choice(TARGETS), method=rng.choice((b"GET", b"POST"))),
            head(version=rng.choice(VERSIONS)),
            b"GET /ping\r\n\r\n",
            b"GET\t/ping\tHTTP/1.1\r\n\r\n",
            b"\r\n" * 2000 + head(),
        )
    )
    return Wire((line,))


def no_http(rng: Random) -> Wire:
    return Wire(
        (
            rng.choice(
                (
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0",
                    b"PRI * HTTP/2.0\r\n\r\n",
                    b"\x16\3\1\2\0\1\0\1\xfc\3\3" + bytes(200),
                    b"\0" * 5000,
                    b"",
                    b"\r\n",
                    photo(),
                    b"SSH-2.0-x\r\n",
                    b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + head(),
                    b"G",
                    b"\n\n\n",
                    b"POST /invocations HTTP/1.1\r\n" + b"a" * 200_000,
                    b"A" * 200_000,
                    b"\xff" * 9000 + LINE,
                    b"PROXY \r\n",
                    b"\r\n\r\n\x0d\x0a\0\r\nQUIT\n",
                )
            ),
        )
    )


def slow(rng: Random) -> Wire:
    """A good request in pieces with pauses, and perhaps its end missing."""
    whole = head(of_length(photo())) + photo()
    whole = whole[: rng.choice((len(whole), len(whole), 10, 60, len(whole) - 5))]
    cuts = sorted(rng.randrange(len(whole)) for _ in range(rng.choice((1, 2, 4))))
    pieces: list[bytes | Pause] = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        pieces += [whole[start:end], Pause(rng.choice((0.01, 0.1, 0.3)))]
    return Wire(tuple(pieces))


def spoilt(rng: Random) -> Wire:
    start = head(of_length(photo()), b"Content-Type: image/jpeg", b"Accept: application/json", b"X-Request-Id: x")
    return Wire((mutate(rng, start) + photo(),))


KINDS: dict[str, Builder] = {
    "wrong-length": wrong_length,
    "odd-length": odd_length,
    "two-framings": two_framings,
    "header-flood": header_flood,
    "odd-header": odd_header,
    "odd-chunks": odd_chunks,
    "pipeline": pipeline,
    "odd-line": odd_line,
    "no-http": no_http,
    "slow": slow,
    "spoilt": spoilt,
}
