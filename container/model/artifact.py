"""The model artifact: one TorchScript file that holds preprocessing, network, class names and model card.

Every `torch.jit` call of the project stands here: PyTorch deprecates TorchScript in favour of torch.export, and a
change of format must stay a change of one file.
"""

import json
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from container.errors import ArtifactError
from container.model.preprocess import Preprocess, decode_side

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
    """A loaded model.pt. `card` holds versions, metrics, input size and the data's fingerprint.

    `preprocess` and `network` are the file's two parts: a server crops in the request's thread, long before its turn.
    """

    preprocess: torch.jit.ScriptModule
    network: torch.jit.ScriptModule  # frozen
    class_names: list[str]
    card: dict[str, Any]

    @property
    def precision(self) -> str:
        """What the network calculates with: fp32, bf16 or int8."""
        return str(self.card.get("precision", "fp32"))

    @property
    def decode_side(self) -> int:
        """Pixels of an image's shorter side that the centre crop needs; 0, all of them, if the card has no size."""
        return decode_side(self.card["input_size"]) if "input_size" in self.card else 0

    def crop(self, image: Tensor) -> Tensor:
        """What the network sees of an image, uint8 (3, H, W) of any size: uint8 (3, S, S), on the CPU."""
        with torch.inference_mode():
            crop: Tensor = self.preprocess.crop(image)
        return crop

    def logits_of_crops(self, crops: Tensor) -> Tensor:
        """Logits (N, K), float32, on the artifact's device, of crops, uint8 (N, 3, S, S), on that device."""
        with torch.inference_mode():
            logits: Tensor = self.network(self.preprocess.normalize(crops))
        return logits.float()

    def logits(self, images: list[Tensor]) -> Tensor:
        """Logits (N, K), float32, on the CPU, of N images, each uint8 (3, H, W) of any size."""
        crops = torch.stack([self.crop(image.cpu()) for image in images])
        return self.logits_of_crops(crops.to(self.preprocess.mean.device)).cpu()


def save_artifact(
    path: Path, preprocess: Preprocess, network: nn.Module, class_names: list[str], card: dict[str, Any]
) -> None:
    """Write an artifact at once: a reader sees the old file or the whole new one. `network` is put into eval mode."""
    classifier = Classifier(preprocess, network).eval().to("cpu")
    partial = path.with_suffix(".partial")
    texts = {CLASS_NAMES_FILE: json.dumps(class_names), MODEL_CARD_FILE: json.dumps(card, indent=2, sort_keys=True)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the deprecation named at the top
        torch.jit.save(torch.jit.script(classifier), str(partial), _extra_files=texts)
    partial.replace(path)


def load_artifact(path: Path, device: str = "cpu") -> Artifact:
    """The artifact, frozen for inference on `device`. Raises ArtifactError that says what is wrong with the file.

    Freezing folds batch normalisation into the convolutions, whose weights are stored channels-last: a quarter to a
    third less time than channels-first on a CPU, and never more with any kind of network that was measured.
    `optimize_for_inference` gives the same for ResNet-18, and is slower for EfficientNet and ConvNeXt.
    """
    if not path.is_file():
        raise ArtifactError(
            f"There is no model artifact at {path}; train first, or mount a folder that holds model.pt."
        )
    texts = {CLASS_NAMES_FILE: "", MODEL_CARD_FILE: ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            module = torch.jit.load(str(path), map_location=device, _extra_files=texts)
            module.eval()
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"{path} is not a TorchScript file that this image can load: {reason}.") from error
    if not all(texts.values()):
        raise ArtifactError(f"{path} carries no class names or model card; export it with this project's training.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        network = torch.jit.freeze(module.network.to(memory_format=torch.channels_last))
    return Artifact(module.preprocess, network, json.loads(texts[CLASS_NAMES_FILE]), json.loads(texts[MODEL_CARD_FILE]))


def read_card(path: Path) -> dict[str, Any]:
    """The model card of an artifact, without loading its weights. Raises ArtifactError if there is none to read."""
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(f"/extra/{MODEL_CARD_FILE}")]
            card: dict[str, Any] = json.loads(archive.read(name))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ArtifactError(
            f"{path} has no model card that can be read; export it with this project's training."
        ) from error
    return card
