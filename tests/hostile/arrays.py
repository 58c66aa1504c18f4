""".npy files whose header, a piece of Python that is read as such, lies."""

import io
from random import Random

import numpy as np

from tests.hostile.case import BytesBuilder
from tests.hostile.mutations import mutate

SHAPES = (
    *(
        "(60000, 60000, 3)",
        "(-1, 4, 3)",
        "(4, 4, 3, )",
        "(99999999999999999999, 1, 3)",
        "()",
        "(3,)",
        "(0, 0, 3)",
        "(1.5, 2, 3)",
    ),
    *(
        "[4, 4, 3]",
        "(True, 4, 3)",
        "('a', 4, 3)",
        "(2, 2, 2, 2, 3)",
        "(65, 1, 1, 3)",
        "(1, 4, 4, 3)",
        "(-2, -2, 3)",
        "4",
        "None",
    ),
    *("(2**70, 1, 3)", "(1e999, 1, 3)", "(" + "1, " * 3000 + ")", "(9" + "9" * 5000 + ", 1, 3)", "(0x10, 2, 3)"),
)
TYPES = (
    *(
        "'|u1'",
        "'|O'",
        "'<f8'",
        "'>u1'",
        "'|V99999999'",
        "'|S0'",
        "'<U9'",
        "'<M8[ns]'",
        "[('a', '|u1')]",
        "[('a', '|O', 9)]",
    ),
    *("'" + "x" * 5000 + "'", "''", "None", "{}", "'|u1,|u1'", "('|u1', (3,))", "'\\ud800'", "'é'", "'i4,' * 9"),
)
LITERALS = (
    *(
        "{" * 3000,
        "(" * 100 + ")" * 100,
        "[" * 5000 + "]" * 5000,
        "-" * 5000 + "1",
        "1" + "+1" * 3000,
        "9" * 9000,
        "''" * 5000,
    ),
    *(
        "{'descr': __import__('os').system('x')}",
        "{**{}}",
        "{'a': 1}",
        "",
        "\n" * 900,
        "\0",
        "{'descr': '|u1', 'shape': (2, 2, 3)}",
    ),
    *(
        "'a' 'b'",
        "{'descr': '|u1', 'fortran_order': 1, 'shape': (2, 2, 3)}",
        "lambda: 0",
        "[x for x in ()]",
        "f'{1}'",
        "0_0",
        "1j",
    ),
)


def npy(header: str, data: bytes = bytes(12), version: tuple[int, int] = (1, 0), length: int | None = None) -> bytes:
    text = header.encode("utf-8", "surrogatepass") + b"\n"
    width = 2 if version[0] == 1 else 4
    size = len(text) if length is None else length
    return b"\x93NUMPY" + bytes(version) + (size % 256**width).to_bytes(width, "little") + text + data


def described(descr: str, order: str, shape: str) -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


def headers(rng: Random) -> bytes:
    header = described(
        rng.choice(TYPES) if rng.random() < 0.5 else "'|u1'",
        rng.choice(("False", "True", "None", "7")),
        rng.choice(SHAPES),
    )
    return npy(
        header, bytes(rng.choice((0, 3, 12, 48, 1000))), rng.choice(((1, 0), (2, 0), (3, 0), (0, 0), (255, 255)))
    )


def literals(rng: Random) -> bytes:
    return npy(rng.choice(LITERALS), version=rng.choice(((1, 0), (2, 0))))


def lengths(rng: Random) -> bytes:
    header = described("'|u1'", "False", "(2, 2, 3)")
    return npy(
        header,
        version=rng.choice(((1, 0), (2, 0))),
        length=rng.choice((0, 1, 9, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)),
    )


def spoilt(rng: Random) -> bytes:
    file = io.BytesIO()
    shape = rng.choice(((4, 4, 3), (2, 3, 4, 3), (4, 4), (1, 1, 3)))
    np.save(file, np.zeros(shape, rng.choice(("u1", "f4", "i2"))))
    return mutate(rng, file.getvalue())


def objects(rng: Random) -> bytes:
    """A pickle that would run a command, if anybody loaded it."""
    pickle = b"cos\nsystem\n(S'false'\ntR."
    return npy(described("'|O'", "False", rng.choice(("(1,)", "(1, 1, 3)", "(2, 2, 3)"))), pickle)


def large(rng: Random) -> bytes:
    """As many pixels as are accepted, or one row more."""
    rows = rng.choice((1000, 2000, 4000))
    return npy(described("'|u1'", rng.choice(("False", "True")), f"({rows}, 2000, 3)"), bytes(rows * 2000 * 3))


KINDS: dict[str, BytesBuilder] = {
    "headers": headers,
    "literals": literals,
    "lengths": lengths,
    "spoilt": spoilt,
    "objects": objects,
}
HEAVY: dict[str, BytesBuilder] = {"large": large}
