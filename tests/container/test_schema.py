from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.errors import SettingsError
from container.schema import describe, parse, setting


@dataclass(frozen=True, kw_only=True)
class Example:
    count: int = setting(3, "a whole number", minimum=1, maximum=100)
    rate: float = setting(0.5, "a share", minimum=0, maximum=1)
    colour: str = setting("red", "a colour", choices=("red", "green"))
    name: str = setting("anything", "free text")
    fast: bool = setting(False, "a switch")


def read(**given: object) -> Example:
    return parse(Example, given, "example.json")


def refusal(**given: object) -> str:
    with pytest.raises(SettingsError) as caught:
        read(**given)
    return str(caught.value)


def test_what_is_not_given_keeps_its_default() -> None:
    assert read() == Example(count=3, rate=0.5, colour="red", name="anything", fast=False)


@pytest.mark.parametrize("text", ["32", "32.0", '"32"', " 32 ", "3.2e1", "3.2E1", 32, 32.0])
def test_a_whole_number_is_read_however_a_client_writes_it(text: object) -> None:
    assert read(count=text).count == 32


@pytest.mark.parametrize("text", ["1.2E-4", "1.2e-04", "0.00012", '"1.2E-4"', 1.2e-4])
def test_a_real_number_is_read_however_a_client_writes_it(text: object) -> None:
    assert read(rate=text).rate == pytest.approx(1.2e-4, rel=1e-12)


@pytest.mark.parametrize("text", ["green", '"green"', " green ", '" green "'])
def test_text_is_read_bare_and_json_quoted(text: str) -> None:
    assert read(colour=text).colour == "green"


@pytest.mark.parametrize("text", ["true", "True", "1", "yes", '"true"', True])
def test_a_switch_is_on_for_every_word_for_on(text: object) -> None:
    assert read(fast=text).fast is True


@pytest.mark.parametrize("text", ["false", "False", "0", "no", '"false"', False])
def test_a_switch_is_off_for_every_word_for_off(text: object) -> None:
    assert read(fast=text).fast is False


def test_a_switch_refuses_other_words() -> None:
    assert refusal(fast="maybe") == "example.json: fast is 'maybe'; it must read as bool."


@pytest.mark.parametrize("text", ["nan", "NaN", '"NaN"', "inf", "-inf", "Infinity", "1e999"])
@pytest.mark.parametrize("name", ["rate", "count"])
def test_numbers_that_are_not_finite_are_refused(name: str, text: str) -> None:
    assert f"{name} is" in refusal(**{name: text})


@pytest.mark.parametrize("text", ["32.5", "many", "", "[32]", "null"])
def test_what_is_no_whole_number_is_refused_by_name_and_type(text: str) -> None:
    assert refusal(count=text) == f"example.json: count is {text!r}; it must read as int."


@pytest.mark.parametrize("text", ["0", "101", "-5"])
def test_a_number_out_of_range_is_refused_with_the_range(text: str) -> None:
    assert refusal(count=text) == f"example.json: count is '{text}'; it must be at least 1 and at most 100."


def test_the_ends_of_a_range_belong_to_it() -> None:
    assert (read(count="1").count, read(count="100").count) == (1, 100)


def test_an_unknown_choice_is_refused_with_the_nearest_one() -> None:
    assert refusal(colour="gren") == "example.json: colour is 'gren'; did you mean 'green'?"


def test_an_unknown_choice_that_is_near_to_none_is_refused_with_all_of_them() -> None:
    assert refusal(colour="xyz") == "example.json: colour is 'xyz'; use one of red, green."


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    assert "no setting is named 'counts'; did you mean 'count'?" in refusal(counts="3")


def test_an_unknown_name_that_is_near_to_none_is_refused_with_all_of_them() -> None:
    assert "use one of count, rate, colour, name, fast." in refusal(xyzzy="3")


def test_the_reference_covers_every_setting_with_its_type_default_rule_and_help() -> None:
    assert describe(Example)[:3] == [
        {
            "name": "count",
            "type": "int",
            "default": "3",
            "allowed": "at least 1 and at most 100",
            "help": "a whole number",
        },
        {"name": "rate", "type": "float", "default": "0.5", "allowed": "at least 0 and at most 1", "help": "a share"},
        {"name": "colour", "type": "str", "default": "red", "allowed": "one of red, green", "help": "a colour"},
    ]


@given(name=st.sampled_from(["count", "rate", "colour", "name", "fast"]), text=st.text(max_size=20))
def test_any_text_is_either_read_or_refused_with_a_sentence_that_names_the_setting(name: str, text: str) -> None:
    try:
        example = read(**{name: text})
    except SettingsError as error:
        sentence = str(error)
    else:
        assert isinstance(getattr(example, name), Example.__annotations__[name])
        assert 1 <= example.count <= 100
        assert 0 <= example.rate <= 1
        return
    assert sentence.startswith(f"example.json: {name} is ")
