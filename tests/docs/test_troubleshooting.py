"""Every message of the code has its one entry in the trouble-shooting pages, and no entry is of a message that is gone.

An entry is a row of a table whose first column is headed `The message`; what stands there as code is what a person sees
of a message, with … for values. It is found in a message as a whole phrase is.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from container.data.decode import decode_image
from container.debugger.judge.rule_choice import choose_rules
from container.errors import UserError
from container.hyperparameters import Hyperparameters
from container.model.artifact import load_artifact
from container.model.backbone import make_backbone
from deploy.aws import ADVICE
from deploy.stored import split_s3_uri
from tests.docs.messages import VALUE, Message, all_texts, messages
from tests.job_folder import PROJECT_DIR

PAGES = [PROJECT_DIR / "docs/troubleshooting.md", *sorted((PROJECT_DIR / "docs/troubleshooting").glob("*.md"))]
FEWEST_LETTERS = 5  # of a phrase, or it says nothing


@dataclass(frozen=True)
class Entry:
    place: str  # page:line
    phrases: tuple[str, ...]

    def tells(self, text: str) -> bool:
        return any(matches(phrase, text) for phrase in self.phrases)


def matches(phrase: str, text: str) -> bool:
    return re.search(".+?".join(map(re.escape, phrase.split(VALUE))), text) is not None


def rows(page: Path, heading: str) -> Iterator[Entry]:
    """The rows of the tables whose first column has this heading, with the code in their first cells."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text())
    title = ""
    for index, token in enumerate(tokens):
        if token.type == "thead_open":
            title = tokens[index + 3].content
        elif token.type == "tr_open" and title == heading and tokens[index + 1].type == "td_open":
            cell: Token = tokens[index + 2]
            phrases = tuple(child.content for child in cell.children or () if child.type == "code_inline")
            yield Entry(f"{page.name}:{(token.map or [0])[0] + 1}", phrases)


ENTRIES = [entry for page in PAGES for entry in rows(page, "The message")]
MESSAGES = [message for message in messages() if message.says_something]


def test_there_are_messages_of_every_part() -> None:
    assert {message.place.partition("/")[0] for message in MESSAGES} == {"container", "deploy", "docker", "local_test"}
    assert len(MESSAGES) > 300


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.place)
def test_a_message_has_one_entry(message: Message) -> None:
    found = [entry for entry in ENTRIES if entry.tells(message.text)]
    assert found, f"docs/troubleshooting*.md has no entry for `{message.text}`, raised in {message.place}."
    assert len(found) == 1, (
        f"`{message.text}`, raised in {message.place}, has several entries, {', '.join(e.place for e in found)}; "
        "make their phrases longer."
    )


def _refusal(act: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        act()
    return str(caught.value)


@pytest.mark.parametrize(
    ("act", "page"),
    [
        (lambda: Hyperparameters.from_text({"epochs": "3"}), "training.md"),
        (lambda: make_backbone("resnet81", 32, "none"), "training.md"),
        (lambda: choose_rules('{"Overfit": {"limit": 1}}'), "debugger.md"),
        (lambda: decode_image(b"no picture"), "serving.md"),
        (lambda: load_artifact(Path("nowhere/model.pt")), "serving.md"),
        (lambda: split_s3_uri("bucket/key"), "deploy.md"),
    ],
)
def test_a_message_as_a_person_sees_it_is_found(act: Callable[[], object], page: str) -> None:
    text = _refusal(act)
    assert [entry.place.partition(":")[0] for entry in ENTRIES if entry.tells(text)] == [page], text


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.place)
def test_an_entry_is_of_messages_that_there_are(entry: Entry) -> None:
    assert entry.phrases, f"{entry.place} has no `phrase` in its first column."
    texts = [message.text for message in MESSAGES] + all_texts()
    for phrase in entry.phrases:
        assert sum(map(str.isalpha, phrase)) >= FEWEST_LETTERS, f"{entry.place}: `{phrase}` is too short to be found."
        assert any(matches(phrase, text) for text in texts), (
            f"{entry.place}: no message reads `{phrase}` any more; change or remove it."
        )


def test_every_code_of_the_server_is_explained() -> None:
    page = PROJECT_DIR / "docs/troubleshooting/serving.md"
    explained = [code for row in rows(page, "code") for code in row.phrases]
    assert len(explained) == len(set(explained))
    raised = {message.code for message in messages() if message.code and "serving" in message.place}
    raised |= {message.code for message in messages() if message.code and message.place.startswith("container/data/")}
    built = {code for code in explained if code not in raised}
    assert raised <= set(explained)
    assert built <= set(all_texts()) | {"invalid_top_k"}  # those that are chosen, or made of an option's name


def test_all_advice_for_codes_of_aws_is_explained() -> None:
    page = PROJECT_DIR / "docs/troubleshooting/deploy.md"
    explained = {code for row in rows(page, "AWS's code") for code in row.phrases}
    assert explained >= set(ADVICE)
