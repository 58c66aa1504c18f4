"""The model artifact: one TorchScript file that holds preprocessing, network, class names and model card.

Every `torch.jit` call of the project stands here, and what rewrites a loaded network in packing.py: PyTorch deprecates
TorchScript in favour of torch.export, and a change of format must stay a change of few files.

A TorchScript file is a program: who loads one trusts whoever wrote it, as with a Python file. Paths come from the
model folder alone, never from a request, and what that folder holds is to come from this project's training.
"""

import gc
import io
import json
import struct
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from container.errors import ArtifactError
from container.model.archive import check_archive, check_directory_size
from container.model.packing import pack
from container.model.preprocess import Preprocess, decode_side

CLASS_NAMES_FILE = "class_names.json"
MODEL_CARD_FILE = "model_card.json"
MAX_CARD_BYTES = 2**24  # a card of a thousand classes has 100 KB
BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, struct.error)
PARTIAL_SUFFIX = ".partial"  # of a file that is being written


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
        """Logits (N, K), float32, on the artifact's device, of crops, uint8 (N, 3, S, S), on that device.

        Quickest with crops whose memory is channels-last, as `stack` returns them.
        """
        with torch.inference_mode():
            logits: Tensor = self.network(self._normalize(crops))
        return logits.float()

    def logits(self, images: list[Tensor]) -> Tensor:
        """Logits (N, K), float32, on the CPU, of N images, each uint8 (3, H, W) of any size."""
        crops = stack([self.crop(image.cpu()) for image in images])
        return self.logits_of_crops(crops.to(self.preprocess.mean.device)).cpu()

    def _normalize(self, crops: Tensor) -> Tensor:
        """What preprocess.normalize returns, channels-last: up to 2e-7 that is, as float32 is rounded otherwise.

        Row by row, as then neighbours in memory are worked on together: 0.03 ms instead of 0.18 for one crop of 224.
        """
        shift, scale = self._shift_and_scale
        num_crops, channels, height, width = crops.shape
        rows = crops.permute(0, 2, 3, 1).reshape(num_crops, height, width * channels)
        pixels = torch.addcmul(shift, rows.float(), scale)
        return pixels.view(num_crops, height, width, channels).permute(0, 3, 1, 2)

    @cached_property
    def _shift_and_scale(self) -> tuple[Tensor, Tensor]:
        """Of the pixels of a crop's row, interleaved: (3 S,) each."""
        mean, std = self.preprocess.mean.flatten(), self.preprocess.std.flatten()
        return (-mean / std).repeat(self.preprocess.image_size), (1 / std).repeat(self.preprocess.image_size)


def stack(crops: Sequence[Tensor]) -> Tensor:
    """Crops, each uint8 (3, S, S), as one batch (N, 3, S, S) whose memory is channels-last, as the network wants it."""
    return torch.stack([crop.permute(1, 2, 0) for crop in crops]).permute(0, 3, 1, 2)


def save_artifact(
    path: Path, preprocess: Preprocess, network: nn.Module, class_names: list[str], card: dict[str, Any]
) -> None:
    """Write an artifact at once: a reader sees the old file or the whole new one. `network` is put into eval mode.

    Raises ArtifactError where it cannot be written, and leaves no part of it.
    """
    classifier = Classifier(preprocess, network).eval().to("cpu")
    partial = path.with_suffix(PARTIAL_SUFFIX)
    texts = {CLASS_NAMES_FILE: json.dumps(class_names), MODEL_CARD_FILE: json.dumps(card, indent=2, sort_keys=True)}
    content = io.BytesIO()  # PyTorch, writing to a file itself, ends the whole process where the disk is full
    with _quiet():
        torch.jit.save(_script(classifier), content, _extra_files=texts)
    try:
        partial.write_bytes(content.getbuffer())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ArtifactError(
            f"{path} cannot be written: {error.strerror}; see that the folder is there and the disk has room."
        ) from error


def _script(classifier: Classifier) -> torch.jit.ScriptModule:
    try:
        return torch.jit.script(classifier)
    except RuntimeError:
        _forget_lost_builtins()
        # What the first try has left half made would be taken up again.
        torch.jit._recursive.concrete_type_store = torch.jit._recursive.ConcreteTypeStore()
        return torch.jit.script(classifier)


def _forget_lost_builtins() -> None:
    """Take from PyTorch's table of builtin functions, which has their addresses, those at which there is none any more.

    Once in some thousand times an attribute of a network lies at one, and is taken for that function.
    """
    table = torch.jit._builtins._get_builtin_table()
    there = {id(item) for item in gc.get_objects() if callable(item)}
    there |= {id(function) for function, _ in torch.jit._builtins._builtin_ops}
    for address in table.keys() - there:
        del table[address]


def load_artifact(path: Path, device: str = "cpu", threads: Sequence[int] = (1,)) -> Artifact:
    """The artifact, made ready for inference on `device`. Raises ArtifactError that says what is wrong with the file.

    `threads` are the numbers of threads that its inferences will have on a CPU; any others work too, more slowly.
    Freezing folds batch normalisation into the convolutions, whose weights are stored channels-last: a quarter to a
    third less time than channels-first on a CPU, and never more with any kind of network that was measured.
    `optimize_for_inference` gives the same for ResNet-18, and is slower for EfficientNet and ConvNeXt.
    """
    if not path.is_file():
        raise ArtifactError(
            f"There is no model artifact at {path}; train first, or mount a folder that holds model.pt."
        )
    check_archive(path)
    module, class_names, card = read_module(path, device)
    preprocess, network = module.preprocess, freeze_network(module)
    del module  # its weights: packing makes a copy of the frozen ones
    if device == "cpu":
        try:
            pack(network, preprocess.image_size, threads)
        except Exception as error:  # packing.py uses parts of PyTorch that another version may have changed
            reason = str(error).strip().partition("\n")[0]
            print(f"The network runs with its weights as they were stored, which is slower: {reason}.", file=sys.stderr)
            network = freeze_network(read_module(path, device)[0])
    return Artifact(preprocess, network, class_names, card)


def freeze_network(module: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    """The module's network with constant weights, all of it in one graph."""
    with _quiet():
        return torch.jit.freeze(module.network.to(memory_format=torch.channels_last))


def read_module(path: Path, device: str) -> tuple[torch.jit.ScriptModule, list[str], dict[str, Any]]:
    """The module of an artifact, its class names and its card. Raises ArtifactError as load_artifact does."""
    texts = {CLASS_NAMES_FILE: "", MODEL_CARD_FILE: ""}
    try:
        with _quiet():
            module = torch.jit.load(str(path), map_location=device, _extra_files=texts)
            module.eval()
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ArtifactError(
            f"{path} is not a TorchScript file that this image can load: {reason}; copy it again, or train again."
        ) from error
    try:
        class_names, card = json.loads(texts[CLASS_NAMES_FILE]), json.loads(texts[MODEL_CARD_FILE])
    except (ValueError, RecursionError) as error:
        raise ArtifactError(
            f"{path} carries no class names or model card; export it with this project's training."
        ) from error
    if not _is_description(class_names, card):
        raise ArtifactError(
            f"{path} carries class names or a model card of another kind; export it with this project's training."
        )
    return module, class_names, card


def _is_description(class_names: object, card: object) -> bool:
    return isinstance(card, dict) and isinstance(class_names, list) and {type(name) for name in class_names} == {str}


def read_card(path: Path) -> dict[str, Any]:
    """The model card of an artifact, without loading its weights. Raises ArtifactError if there is none to read."""
    try:
        check_directory_size(path)
        with zipfile.ZipFile(path) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(f"/extra/{MODEL_CARD_FILE}")]
            with archive.open(name) as file:
                card: dict[str, Any] = json.loads(file.read(MAX_CARD_BYTES))
    except (OSError, ValueError, RecursionError, EOFError, NotImplementedError, *BROKEN_ARCHIVE) as error:
        raise ArtifactError(
            f"{path} has no model card that can be read; export it with this project's training."
        ) from error
    return card


@contextmanager
def _quiet() -> Iterator[None]:
    """Within it PyTorch says nothing of what it deprecates: TorchScript, and the tensors that hold int8 weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Of these it warns once a process, past Python if TorchScript makes the first: so the first is made here.
        torch.quantize_per_tensor(torch.zeros(1), 1.0, 0, torch.quint8)
        yield
