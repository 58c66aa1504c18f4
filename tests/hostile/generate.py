"""Hostile inputs from a seed: always the same ones, and each again from its name alone."""

import base64
from collections.abc import Callable, Iterator, Sequence
from random import Random

from tests.hostile import arrays, forms, jpeg_bombs, json_bodies, png_bombs, polyglots, webp_bombs, wires
from tests.hostile.case import Builder, BytesBuilder, Case, Sent
from tests.hostile.good_images import all_images, good_images
from tests.hostile.mutations import mend_checksums, mutate, splice

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "application/x-image", "application/octet-stream", "")
ODD_TYPES = (
    *(
        "image/gif",
        "image/svg+xml",
        "application/pdf",
        "text/html",
        "multipart/mixed",
        "application/x-npy; x",
        "image/*",
        "*/*",
    ),
    *(
        "image/jpeg\t",
        "image/png;;;",
        'IMAGE/WEBP; charset="',
        "application/json; charset=utf-16",
        "a" * 4000,
        "/",
        "application/",
        ";",
    ),
    *(
        "multipart/form-data",
        "multipart/form-data; boundary=" + "x" * 300,
        "multipart/form-data; boundary*=utf-8''%ff",
        "application/jsonl",
    ),
    *(
        "application/json, image/png",
        "image/jpeg; q=" + ";a=b" * 900,
        "é/ü",
        "application/x-npy",
        "application/json",
        "application/jsonlines",
    ),
)
WRAPPERS: tuple[Callable[[bytes], Sent], ...] = (
    lambda body: Sent(
        "application/json", json_bodies.instances(base64.b64encode(body), base64.b64encode(all_images()[0]))
    ),
    lambda body: Sent("application/jsonlines", b'{"b64": "' + base64.b64encode(body) + b'"}\n'),
    lambda body: Sent(forms.TYPE + "b", forms.part(forms.DISPOSITIONS[0], body) + b"--b--\r\n"),
)


def _image(builder: BytesBuilder) -> Builder:
    """As the whole of a body, now and then inside of a larger one."""

    def build(rng: Random) -> Sent:
        body = builder(rng)
        return rng.choice(WRAPPERS)(body) if rng.random() < 0.15 else Sent(rng.choice(IMAGE_TYPES), body)

    return build


def _images(builders: dict[str, BytesBuilder]) -> dict[str, Builder]:
    return {name: _image(builder) for name, builder in builders.items()}


def _typed(content_type: str, builders: dict[str, BytesBuilder]) -> dict[str, Builder]:
    def typed(builder: BytesBuilder) -> Builder:
        return lambda rng: Sent(content_type, builder(rng))

    return {name: typed(builder) for name, builder in builders.items()}


def _spoilt(kind: str) -> dict[str, BytesBuilder]:
    def files() -> Sequence[bytes]:
        return list(good_images(kind).values())

    return {
        "spoilt": lambda rng: mutate(rng, rng.choice(files())),
        "mended": lambda rng: mend_checksums(mutate(rng, rng.choice(files()))),
        "spliced": lambda rng: splice(rng, files()),
    }


def _odd_type(rng: Random) -> Sent:
    return Sent(rng.choice(ODD_TYPES), rng.choice((*all_images(), b"", b"x", json_bodies.instances(b""))))


def _spliced(rng: Random) -> Sent:
    return Sent(rng.choice(IMAGE_TYPES), splice(rng, all_images()))


# Each takes a good part of a second to decode or to read, so there are few of them.
HEAVY = {
    **{f"jpeg-{name}": builder for name, builder in _images(jpeg_bombs.HEAVY).items()},
    **{f"png-{name}": builder for name, builder in _images(png_bombs.HEAVY).items()},
    **{f"webp-{name}": builder for name, builder in _images(webp_bombs.HEAVY).items()},
    **{f"json-{name}": builder for name, builder in _typed("application/json", json_bodies.JSON_HEAVY).items()},
    **{f"lines-{name}": builder for name, builder in _typed("application/jsonlines", json_bodies.LINES_HEAVY).items()},
    **{f"npy-{name}": builder for name, builder in _typed("application/x-npy", arrays.HEAVY).items()},
}
FAMILIES: dict[str, dict[str, Builder]] = {
    "jpeg": _images({**_spoilt("jpeg"), **jpeg_bombs.BOMBS}),
    "png": _images({**_spoilt("png"), **png_bombs.BOMBS}),
    "webp": _images({**_spoilt("webp"), **webp_bombs.BOMBS}),
    "polyglot": {**_images(polyglots.KINDS), "spliced": _spliced},
    "json": _typed("application/json", json_bodies.JSON_KINDS),
    "jsonlines": _typed("application/jsonlines", json_bodies.LINES_KINDS),
    "form": forms.KINDS,
    "npy": _typed("application/x-npy", arrays.KINDS),
    "type": {"odd": _odd_type},
    "heavy": HEAVY,
    "http": wires.KINDS,
}
# How many of a thousand bodies are of each family; `http` is no body, and is asked for by itself.
SHARES = {
    **{"jpeg": 230, "png": 230, "webp": 180, "polyglot": 100, "json": 80, "jsonlines": 49, "form": 60, "npy": 60},
    **{"type": 10, "heavy": 1},
}


def make_case(name: str) -> Case:
    """The case of this name: family/kind/number. The same name gives the same bytes, on any machine."""
    family, kind, _ = name.split("/", 2)
    return Case(name, FAMILIES[family][kind](Random(name)))  # noqa: S311


def body_names(seed: int, count: int) -> Iterator[str]:
    """Names of bodies, each of the families in its share and all its kinds in equal ones."""
    rng = Random(seed)  # noqa: S311
    families = rng.choices(list(SHARES), list(SHARES.values()), k=count)
    for number, family in enumerate(families):
        yield f"{family}/{rng.choice(sorted(FAMILIES[family]))}/{seed}.{number}"


def wire_names(seed: int, count: int) -> Iterator[str]:
    """Names of HTTP connections, all kinds in turn."""
    kinds = sorted(wires.KINDS)
    return (f"http/{kinds[number % len(kinds)]}/{seed}.{number}" for number in range(count))


def heavy_names(seed: int) -> Iterator[str]:
    """One name for each kind of heavy body."""
    return (f"heavy/{kind}/{seed}.0" for kind in sorted(HEAVY))
