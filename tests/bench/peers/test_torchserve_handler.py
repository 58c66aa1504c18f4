from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench.peers.torchserve_handler import Handler
from bench.photos import photo


class Counting(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        return torch.arange(6.0).repeat(len(pixels), 1)


class Context:
    """What TorchServe hands a handler, as far as ours uses it."""

    def set_all_response_status(self, code: int, phrase: str) -> None:
        self.status = (code, phrase)


def test_a_batch_of_raw_bodies_gets_an_answer_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.jit.save(torch.jit.script(Counting()), str(tmp_path / "tiny.pt"))
    monkeypatch.setenv("MODEL_PATH", str(tmp_path / "tiny.pt"))
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)  # this process is the tests' own
    handler, context = Handler(), Context()
    handler.initialize(context)
    answers = handler.handle([{"body": bytearray(photo(0))}, {"body": bytearray(photo(1))}], context)
    assert [answer["labels"] for answer in answers] == [["5", "4", "3", "2", "1"]] * 2
    assert context.status == (200, "OK")  # without the word, h2load would read no status
