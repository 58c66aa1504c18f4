"""What a view's features depend on, as the key that their file is found by."""

import hashlib
import inspect
from functools import cache
from importlib.metadata import version

from torch import nn

from container.data import augmentation, decode
from container.data.channels import Channel
from container.data.dataset import ImageDataset, random_seed
from container.data.feature_file import FeatureKey
from container.hyperparameters import Hyperparameters
from container.model import backbone, preprocess
from container.model.own_backbones.catalogue import OWN_BACKBONES
from container.training.build import make_dataset

# The code that turns a file into features, ours and others'.
SOURCES = (decode, augmentation, preprocess, ImageDataset, random_seed, make_dataset, backbone)
PACKAGES = ("pillow", "torch", "torchvision")


def weights_digest(network: nn.Module) -> str:
    """SHA-256 over every tensor of the network: its name, shape, type and content."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


@cache
def code_digest() -> str:
    """SHA-256 over the code that turns a file into features: other code makes other features."""
    own = [inspect.getmodule(builder) for builder in OWN_BACKBONES.values()]
    texts = [inspect.getsource(source) for source in SOURCES]
    texts += [inspect.getsource(module) for module in own if module is not None]
    return hashlib.sha256("".join(texts).encode()).hexdigest()


@cache
def package_versions() -> str:
    """Of what that code calls, without the part that says for which device a package was built."""
    return ", ".join(f"{name} {version(name).partition('+')[0]}" for name in PACKAGES)


def feature_key(
    hyperparameters: Hyperparameters, channel: Channel, weights: str, precision: str, view: int, *, augmented: bool
) -> FeatureKey:
    """The key of one view of a channel. Without augmentation all jobs have the same view, whatever their seed."""
    content: dict[str, str | int] = {
        "content": channel.content,
        "weights": weights,
        "code": code_digest(),
        "packages": package_versions(),
        "backbone": hyperparameters.backbone,
        "image_size": hyperparameters.image_size,
        "precision": precision,
    }
    if augmented and hyperparameters.augment != "none":
        content |= {"augment": hyperparameters.augment, "seed": hyperparameters.seed, "view": view}
    return FeatureKey(content)
