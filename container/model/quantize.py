"""float32 network -> int8 network, by static quantisation after training.

The one user of `torch.ao.quantization`, which PyTorch has deprecated (it was to go with 2.10) and still ships in 2.14.
Its successor is `torchao.quantization.pt2e` of the package torchao, 0.18 at the time of writing (`prepare_pt2e` and
`convert_pt2e` around `torch.export`): what they return is an exported program for `torch.compile`, not TorchScript, so
it can take over here when the artifact's format changes too.
"""

import copy
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from container.errors import ArtifactError

ENGINE = "x86"  # keeps a bit of every activation in reserve, so that it is right on CPUs without VNNI too


def quantize(network: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """A copy of a network on the CPU whose layers calculate in int8; images and features stay float32.

    `batches` are images (n, 3, S, S) as the network takes them; the ranges of its activations are measured on them.
    Raises ArtifactError, with the reason, where this CPU has no such arithmetic or the network cannot be converted,
    and whatever reading the batches raises.
    """
    # Imported here: it takes a while, and only an export needs it.
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    if ENGINE not in torch.backends.quantized.supported_engines:
        raise ArtifactError("PyTorch has no int8 arithmetic for this processor")
    observed: GraphModule | None = None
    for images in batches:
        with _explained(), torch.no_grad():
            if observed is None:
                observed = prepare_fx(copy.deepcopy(network).eval(), get_default_qconfig_mapping(ENGINE), (images,))
            observed(images)
    assert observed is not None, "at least one batch"
    with _explained():
        converted: nn.Module = convert_fx(observed)
    return converted


@contextmanager
def _explained() -> Iterator[None]:
    """Tracing a network of any kind can raise anything: here it becomes ArtifactError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the deprecation named at the top, and what it says of its own parts
            yield
    except Exception as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise ArtifactError(f"the network cannot be converted to int8: {reason}") from error
