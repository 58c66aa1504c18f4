"""Large tensors -> evenly spaced samples of them, always the same elements, so that steps can be compared.

ResNet-18's gradients alone are 45 MB a step, and one batch's activations gigabytes; a rule's question (how many units
are dead, how large is the mean gradient) is answered by a few thousand elements.
"""

import torch
from torch import Tensor

MAX_ELEMENTS = 16_384  # of a weight or gradient
MAX_ACTIVATIONS = 8, 8  # images of the batch; rows and columns
MAX_INPUTS = 32, 32  # the same of the network's input: its means are judged, and few are needed elsewhere
INPUT_CHANNELS = 3


def sample_parameter(tensor: Tensor) -> Tensor:
    """At most MAX_ELEMENTS elements, (n,); a smaller tensor as it is."""
    if tensor.numel() <= MAX_ELEMENTS:
        return tensor
    stride = -(-tensor.numel() // MAX_ELEMENTS)
    return _in_memory_order(tensor)[::stride]


def _in_memory_order(tensor: Tensor) -> Tensor:
    # Flattening a channels_last weight would copy all of it, at a hundred times the price of the sample.
    if tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.reshape(-1)


def sample_activation(tensor: Tensor) -> Tensor:
    """Of (N, C, H, W): every channel, of some images and of rows and columns that are spread evenly.

    (N, K), as logits, is left whole: its first dimension is the batch, and labels must fit it.
    """
    if tensor.dim() < 3:
        return tensor
    images, side = MAX_INPUTS if tensor.shape[1] == INPUT_CHANNELS else MAX_ACTIVATIONS
    tensor = tensor[:images]
    for dimension in range(2, tensor.dim()):
        stride = -(-tensor.shape[dimension] // side)
        tensor = tensor[(slice(None),) * dimension + (slice(None, None, stride),)]
    return tensor
