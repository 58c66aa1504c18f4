"""Backbones that are not torchvision's: a name for the hyperparameter `backbone` -> what builds the network.

What is called takes no arguments and gives a module of float images (N, 3, S, S), normalised as preprocess.py does, to
features (N, D), with random weights, that torch.jit.script can compile. Its code belongs in one file of this folder, as
cached features are known by it. docs/extend/backbone.md has an example.
"""

from collections.abc import Callable

from torch import nn

OWN_BACKBONES: dict[str, Callable[[], nn.Module]] = {}
