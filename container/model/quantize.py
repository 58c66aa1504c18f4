"""float32 network -> int8 network, by static quantisation after training.

The one user of `torch.ao.quantization`, which PyTorch has deprecated (it was to go with 2.10) and still ships in 2.14.
Its successor is `torchao.quantization.pt2e` of the package torchao, 0.18 at the time of writing (`prepare_pt2e` and
`convert_pt2e` around `torch.export`): what they return is an exported program for `torch.compile`, not TorchScript, so
it can take over here when the artifact's format changes too.
"""

import copy
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from container.errors import ArtifactError

ENGINE = "x86"  # keeps a bit of every activation in reserve, so that it is right on CPUs without VNNI too
NO_ENGINE = "none"


def quantize(network: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """A copy of a network on the CPU whose layers calculate in int8; images and features stay float32.

    `batches` are images (n, 3, S, S) as the network takes them; the ranges of its activations are measured on them.
    Raises ArtifactError, with the reason, where this CPU has no such arithmetic or the network cannot be converted,
    and whatever reading the batches raises.
    """
    # Imported here: it takes a while, and only an export needs it.
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    engine = choose_engine(torch.backends.quantized.supported_engines, torch.backends.quantized.engine)
    observed: GraphModule | None = None
    for images in batches:
        with _explained(), torch.no_grad():
            if observed is None:
                observed = prepare_fx(copy.deepcopy(network).eval(), get_default_qconfig_mapping(engine), (images,))
            observed(images)
    assert observed is not None, "at least one batch"
    with _explained():
        converted: nn.Module = convert_fx(observed)
    return converted


def choose_engine(supported: Sequence[str], current: str) -> str:
    """The int8 engine whose habits the quantised network follows: on other processors than x86-64 PyTorch's own choice.

    Raises ArtifactError where there is none.
    """
    if ENGINE in supported:
        return ENGINE
    if current == NO_ENGINE or current not in supported:
        raise ArtifactError("PyTorch has no int8 arithmetic for this processor")
    return current


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
