"""What a view's features depend on, as the key that their file is found by."""

import hashlib
import inspect

from torch import nn

from container.data import augmentation, decode
from container.data.channels import Channel
from container.data.dataset import ImageDataset, random_seed
from container.data.feature_cache import FeatureKey
from container.hyperparameters import Hyperparameters
from container.model import preprocess


def weights_digest(network: nn.Module) -> str:
    """SHA-256 over every tensor of the network: its name, shape, type and content."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def pixels_digest() -> str:
    """SHA-256 over the code that turns a file into the network's input: other code makes other features."""
    sources = (decode, augmentation, preprocess, ImageDataset, random_seed)
    return hashlib.sha256("".join(inspect.getsource(source) for source in sources).encode()).hexdigest()


def feature_key(
    hyperparameters: Hyperparameters, channel: Channel, weights: str, precision: str, view: int, *, augmented: bool
) -> FeatureKey:
    """The key of one view of a channel. Without augmentation all jobs have the same view, whatever their seed."""
    content: dict[str, str | int] = {
        "content": channel.content,
        "weights": weights,
        "pixels": pixels_digest(),
        "backbone": hyperparameters.backbone,
        "image_size": hyperparameters.image_size,
        "precision": precision,
    }
    if augmented and hyperparameters.augment != "none":
        content |= {"augment": hyperparameters.augment, "seed": hyperparameters.seed, "view": view}
    return FeatureKey(content)
