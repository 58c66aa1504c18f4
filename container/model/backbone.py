"""Any torchvision classifier without its last layer, or a network of our own: images -> features."""

import difflib
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models

from container.errors import PretrainedError, SettingsError
from container.model.own_backbones.catalogue import OWN_BACKBONES

IMAGENET_CLASSES = 1000
WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")
WEIGHT_SUFFIXES = (".pth", ".pt")
DOMINANT_SHARE = 0.9  # a child that holds more of the weights than this is the whole network, not its last block


def make_backbone(name: str, image_size: int, pretrained: str, channel: Path | None = None) -> tuple[nn.Module, int]:
    """The network up to its features (N, D), and D.

    `pretrained` is `none`, a file's path, or `imagenet`: the weights in `channel` where there is one, else
    torchvision's download. Raises SettingsError for an unknown name or a size that it cannot take, PretrainedError
    for weights that cannot be had or do not fit.
    """
    path = _weights_path(pretrained, channel)
    download = pretrained == "imagenet" and path is None
    network = _build_own(name, download) if name in OWN_BACKBONES else _build(name, download)
    last = "" if name in OWN_BACKBONES else _last_layer_name(network)
    if path is not None:
        _load_weights(network, path, name, last)
    if last:
        _replace(network, last, nn.Identity())
    if name in WITH_AUXILIARY_HEADS:
        network = MainOutput(network)
    return network, _count_features(network, name, image_size)


class MainOutput(nn.Module):
    """The features alone of a network whose `forward` answers with a tuple, and a warning, once it is scripted."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, D) for images (N, 3, S, S)."""
        return self.network._forward(self.network._transform_input(images))[0]  # type: ignore[operator]


def freeze(backbone: nn.Module, fine_tune: str) -> list[nn.Module]:
    """Freeze what `fine_tune` (head, last_block or all) does not train; the modules that must stay in eval mode."""
    if fine_tune == "all":
        return []
    backbone.requires_grad_(False)
    if fine_tune == "head":
        return [backbone]
    block = last_block(backbone)
    block.requires_grad_(True)
    trained = set(block.modules())
    return [module for module in backbone.modules() if module not in trained and not any(module.children())]


def last_block(backbone: nn.Module) -> nn.Module:
    """The last child that holds weight matrices, searched inside a child that holds nearly all of the network.

    ResNet: layer4; ConvNeXt, EfficientNet and MobileNetV2: the last stage of `features`; ViT: the last encoder layer;
    MobileNetV3 and VGG: what stays of their classifier.
    """
    block = backbone
    while True:
        children = [child for child in block.children() if _num_weights(child)]
        if not children:
            return block
        dominant = _num_weights(children[-1]) > DOMINANT_SHARE * _num_weights(backbone)
        block = children[-1]
        if not dominant:
            return block


def _num_weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.dim() > 1)


def _weights_path(pretrained: str, channel: Path | None) -> Path | None:
    if pretrained == "none":
        return None
    if pretrained != "imagenet":
        path = Path(pretrained)
        if not path.is_file():
            raise PretrainedError(f"pretrained={pretrained!r} is no file; use imagenet, none, or the path of a file.")
        return path
    if channel is None:
        return None
    files = sorted(path for path in channel.rglob("*") if path.suffix in WEIGHT_SUFFIXES)
    if len(files) != 1:
        raise PretrainedError(
            f"Channel 'pretrained' ({channel}) must hold one {' or '.join(WEIGHT_SUFFIXES)} file, not {len(files)}."
        )
    return files[0]


def _build_own(name: str, download: bool) -> nn.Module:
    if download:
        raise PretrainedError(
            f"The backbone {name} has no ImageNet weights; set pretrained to none, or to the path of its weights, or "
            "put these in a channel named 'pretrained'."
        )
    return OWN_BACKBONES[name]()


def _build(name: str, download: bool) -> nn.Module:
    known = models.list_models(module=models)
    if name not in known:
        close = difflib.get_close_matches(name, [*known, *OWN_BACKBONES], n=1) or ["resnet18"]
        raise SettingsError(f"backbone={name!r} is no torchvision classifier; did you mean {close[0]!r}?")
    # The download's bar is for a terminal; a log would get a line for each of its steps.
    options: dict[str, Any] = {"weights": "DEFAULT" if download else None, "progress": sys.stderr.isatty()}
    if name in WITH_AUXILIARY_HEADS:
        # `init_weights` is given because leaving it out warns of a default that takes a minute.
        options |= {"init_weights": False} if download else {"init_weights": False, "aux_logits": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            network: nn.Module = models.get_model(name, **options)
    except OSError as error:
        raise PretrainedError(
            f"The ImageNet weights of {name} cannot be downloaded ({error}); put the file in a channel named "
            "'pretrained', or set pretrained to its path, or to none to train from random weights."
        ) from error
    for auxiliary in ("AuxLogits", "aux1", "aux2"):
        if getattr(network, auxiliary, None) is not None:
            setattr(network, auxiliary, None)
            network.aux_logits = False  # type: ignore[assignment]
    return network


def _load_weights(network: nn.Module, path: Path, name: str, last: str) -> None:
    """Load all but the layer named `last`, which the head replaces; empty: every one."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)  # weights only: no code runs from the file
    except Exception as error:  # unpickling damaged bytes can raise anything
        raise PretrainedError(
            f"{path} cannot be read as PyTorch weights ({type(error).__name__}); write it with "
            "torch.save(model.state_dict(), path)."
        ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict):
        raise PretrainedError(f"{path} holds a {type(state).__name__}, not a state_dict; save model.state_dict().")
    expected = network.state_dict()
    state = {key.removeprefix("module."): value for key, value in state.items()}
    # The last layer's weights may differ or miss, and so may those of auxiliary classifiers, which are not used.
    needed = [key for key in expected if not last or not key.startswith(last + ".")]
    kept = {key: state[key] for key in needed if key in state}
    missing = [key for key in needed if key not in kept]
    if missing:
        raise PretrainedError(
            f"{path} does not fit backbone {name}: it lacks {len(missing)} tensors, such as {missing[0]!r}."
        )
    try:
        network.load_state_dict(kept, strict=False)
    except RuntimeError as error:
        detail = str(error).splitlines()[-1].strip()
        raise PretrainedError(f"{path} does not fit backbone {name}: {detail}") from error


def _last_layer_name(network: nn.Module) -> str:
    candidates = [
        name
        for name, module in network.named_modules()
        if (isinstance(module, nn.Linear) and module.out_features == IMAGENET_CLASSES)
        or (isinstance(module, nn.Conv2d) and module.out_channels == IMAGENET_CLASSES)
    ]
    return candidates[-1]


def _replace(network: nn.Module, layer: str, by: nn.Module) -> None:
    parent, _, child = layer.rpartition(".")
    setattr(network.get_submodule(parent), child, by)


def _count_features(backbone: nn.Module, name: str, image_size: int) -> int:
    was_training = backbone.training
    backbone.eval()
    try:
        with torch.no_grad():
            features: Tensor = backbone(torch.zeros(1, 3, image_size, image_size))
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(f"backbone {name} cannot take image_size={image_size}: {reason}") from error
    finally:
        backbone.train(was_training)
    return features.shape[1]
