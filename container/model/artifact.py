"""The model artifact: one TorchScript file that holds preprocessing, network, class names and model card.

Every `torch.jit` call of the project stands here: PyTorch deprecates TorchScript in favour of torch.export, and a
change of format must stay a change of one file.
"""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from container.errors import ArtifactError
from container.model.preprocess import Preprocess

CLASS_NAMES_FILE = "class_names.json"
MODEL_CARD_FILE = "model_card.json"


class Classifier(nn.Module):
    """Images -> logits: what the artifact runs."""

    def __init__(self, preprocess: Preprocess, network: nn.Module) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.network = network

    def forward(self, images: list[Tensor]) -> Tensor:
        """Logits (N, K), float32, of N images, each uint8 (3, H, W) of any size."""
        pixels = self.preprocess(images)  # (N, 3, S, S)
        return self.network(pixels)  # (N, K)


@dataclass(frozen=True)
class Artifact:
    """A loaded model.pt. `card` holds versions, metrics, input size and the data's fingerprint."""

    module: torch.jit.ScriptModule
    class_names: list[str]
    card: dict[str, Any]

    def logits(self, images: list[Tensor]) -> Tensor:
        """Logits (N, K), float32, on the CPU, of N images, each uint8 (3, H, W) of any size."""
        with torch.inference_mode():
            result = self.module(images)
        return result.float().cpu()


def save_artifact(
    path: Path, preprocess: Preprocess, network: nn.Module, class_names: list[str], card: dict[str, Any]
) -> None:
    """Write model.pt at once: a reader sees the old file or the whole new one. `network` is put into eval mode."""
    classifier = Classifier(preprocess, network).eval().to("cpu", torch.float32)
    partial = path.with_suffix(".partial")
    texts = {CLASS_NAMES_FILE: json.dumps(class_names), MODEL_CARD_FILE: json.dumps(card, indent=2, sort_keys=True)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the deprecation named at the top
        torch.jit.save(torch.jit.script(classifier), str(partial), _extra_files=texts)
    partial.replace(path)


def load_artifact(path: Path, device: str = "cpu") -> Artifact:
    """The artifact, frozen for inference on `device`. Raises ArtifactError that says what is wrong with the file."""
    if not path.is_file():
        raise ArtifactError(
            f"There is no model artifact at {path}; train first, or mount a folder that holds model.pt."
        )
    texts = {CLASS_NAMES_FILE: "", MODEL_CARD_FILE: ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            module = torch.jit.load(str(path), map_location=device, _extra_files=texts)
            module = torch.jit.freeze(module.eval())
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"{path} is not a TorchScript file that this image can load: {reason}.") from error
    if not all(texts.values()):
        raise ArtifactError(f"{path} carries no class names or model card; export it with this project's training.")
    return Artifact(module, json.loads(texts[CLASS_NAMES_FILE]), json.loads(texts[MODEL_CARD_FILE]))
