from typing import Any

import pytest

from container.debugger.rules.parameters import flag, number, optional, patterns, whole, words


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (number, "1e-7", 1e-7),
        (whole, "10", 10),
        (flag, "True", True),
        (flag, "false", False),
        (words, "weights, biases", ["weights", "biases"]),
        (words, "None", []),
        (words, "", []),
        (patterns, ".*relu_input,tanh", [".*relu_input", "tanh"]),
        (optional(number), "None", None),
        (optional(number), "0.5", 0.5),
    ],
)
def test_text_becomes_a_value(read: Any, text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "what"),
    [
        (number, "big", "a number"),
        (whole, "1.5", "a whole number"),
        (flag, "yes", "True or False"),
        (patterns, "(", "regular expressions"),
        (optional(whole), "x", "a whole number"),
    ],
)
def test_text_that_cannot_be_read_says_what_it_should_be(read: Any, text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read(text)
