"""Frozen TorchScript network -> the same with its weights in the order in which this processor's kernels read them.

Otherwise oneDNN reorders the weights of every convolution at every call: 6 of 20 ms for one image through ResNet-18 in
float32, 3 of 11 in bfloat16. And float32 matrices are multiplied by MKL, on AMD's processors half as fast as oneDNN.
The operators are those that `torch.compile` puts around weights that are frozen; TorchScript has no public way to them.
Answers stay the same: to the bit where the kernel does, and else up to the order of float32 sums.
"""

import platform
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import chain
from typing import Any

import torch
from torch import Tensor

Node = torch._C.Node
Graph = torch._C.Graph
Reorder = Callable[[int], Tensor]  # batch size -> a layer's weights in the order that is best for it

CONVOLUTION, LINEAR = "aten::conv2d", "aten::linear"
OPERATORS = (
    "_convolution_pointwise",
    "_linear_pointwise",
    "_reorder_convolution_weight",
    "_reorder_linear_weight",
    "_get_mkldnn_serialized_md",
)
BATCH_SIZES = (1, 8)  # a lone image, and a server's full batch
LARGEST_ROUNDING = 0.03  # of the largest logit: far above bfloat16's, far below what wrong weights would give


def pack(network: torch.jit.ScriptModule, image_size: int, threads: Sequence[int] = (1,)) -> int:
    """Reorder the weights of a frozen network that has not run yet, in place; of how many layers they were.

    The order is the best for images (N, 3, S, S) where an inference has one of these numbers of threads. A layer that
    wants one order for one number and another for another is left as it is: weights in the wrong order are reordered at
    every call, which may take longer than the convolution. Other sizes and numbers give the same answers all the same.
    0, and nothing is changed, on processors on which this was not measured.
    Raises RuntimeError if the network then answers an image otherwise than before.
    """
    if not _is_possible():
        return 0
    graph = network.graph
    layers = [node for node in graph.nodes() if _has_constant_weights(node)]
    if not layers:
        return 0
    image = torch.arange(3.0 * image_size**2).remainder(251).view(1, 3, image_size, image_size) / 50 - 2.5
    *features, expected = run_graph(graph, layers, image)
    sizes = [list(tensor.shape) for tensor in features]
    del features  # of all layers, and the memory is better spent below
    # In a thread that ends here, and its OpenMP threads with it: a server forks later, which those would not survive.
    with ThreadPoolExecutor(1) as thread:
        packed = [_pack_layer(graph, node, size, threads, thread) for node, size in zip(layers, sizes, strict=True)]
    torch.set_num_threads(torch.get_num_threads())  # for MKL the thread's number holds for all
    (answered,) = run_graph(graph, [], image)
    if not (answered - expected).abs().max() <= LARGEST_ROUNDING * expected.abs().max():
        raise RuntimeError("its answers differ with them reordered")
    return sum(packed)


def _is_possible() -> bool:
    return (
        platform.machine() in ("x86_64", "AMD64")
        and torch.backends.mkldnn.is_available()
        and all(torch._C._jit_get_schemas_for_operator(f"mkldnn::{name}") for name in OPERATORS)
    )


def _has_constant_weights(node: Node) -> bool:
    if node.kind() not in (CONVOLUTION, LINEAR):
        return False
    if not all(value.node().kind() == "prim::Constant" for value in list(node.inputs())[1:]):
        return False
    weight, *options = _constants(node)
    if any(isinstance(option, str) for option in options):  # padding="same": another operator of the same name
        return False
    if weight.dtype is torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return weight.dtype is torch.float32


def _constants(node: Node) -> list[Any]:
    """Values of all inputs but the first, which are the images or features."""
    return [value.toIValue() for value in list(node.inputs())[1:]]


def run_graph(graph: Graph, layers: list[Node], images: Tensor) -> list[Tensor]:
    """What a frozen network's graph makes of images (N, 3, S, S): the first input of each layer, and its output."""
    copy = graph.copy()
    twins = dict(zip(graph.nodes(), copy.nodes(), strict=True))
    output = next(iter(copy.outputs()))
    copy.eraseOutput(0)
    for node in layers:
        copy.registerOutput(next(iter(twins[node].inputs())))
    copy.registerOutput(output)
    copy.eraseInput(0)  # `self`, of which a frozen graph uses nothing
    with torch.inference_mode():
        outputs = torch._C._jit_interpret_graph(copy, (images,))  # type: ignore[attr-defined]
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def _reorder(node: Node, size: list[int]) -> Reorder:
    """`size` is that of the layer's input for one image."""
    weight, *options = _constants(node)

    def of_linear(batch_size: int) -> Tensor:
        # One row alone wants another order, as in the head for a lone image, where it matters little.
        packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, 64 * batch_size)
        return packed

    def of_convolution(batch_size: int) -> Tensor:
        _, stride, padding, dilation, groups = options
        whole = [size[0] * batch_size, *size[1:]]
        packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(weight, padding, stride, dilation, groups, whole)
        return packed

    return of_linear if node.kind() == LINEAR else of_convolution


def _pack_layer(graph: Graph, node: Node, size: list[int], threads: Sequence[int], thread: Executor) -> bool:
    """Whether one order was the best for all batch sizes and numbers of threads, and is that of the weights now."""
    reorder = _reorder(node, size)

    def candidates(number: int) -> list[Tensor]:
        torch.set_num_threads(number)
        with torch.no_grad():
            return [reorder(batch_size) for batch_size in BATCH_SIZES]

    first, *others = chain.from_iterable(thread.map(candidates, threads))
    order = torch.ops.mkldnn._get_mkldnn_serialized_md  # oneDNN's description of a tensor's memory, as bytes
    if not all(torch.equal(order(first), order(other)) for other in others):
        return False
    _replace(graph, node, first)
    return True


def _replace(graph: Graph, node: Node, packed: Tensor) -> None:
    """Put an operator that takes reordered weights in the place of a convolution or linear layer."""

    def insert(kind: str, output_type: Any = None) -> Node:
        made = graph.create(kind, [], 1).insertBefore(node)
        if output_type is not None:
            made.output().setType(output_type)
        return made

    def word(value: str) -> torch._C.Value:
        return insert("prim::Constant", torch._C.StringType.get()).s_("value", value).output()

    weight = insert("prim::ConstantMKLDNNTensor").t_("value", packed)  # an ordinary constant cannot hold such a tensor
    scalars = insert("prim::ListConstruct", torch._C.ListType(torch._C.OptionalType(torch._C.NumberType.get())))
    images, old_weight, bias, *options = node.inputs()
    operator = "mkldnn::_linear_pointwise"
    if node.kind() == CONVOLUTION:
        stride, padding, dilation, groups = options
        operator, options = "mkldnn::_convolution_pointwise", [padding, stride, dilation, groups]
    tail = [word("none"), scalars.output(), word("")]  # nothing is fused behind it
    replacement = graph.create(operator, [images, weight.output(), bias, *options, *tail], 1).insertBefore(node)
    replacement.output().setType(node.output().type())
    node.output().replaceAllUsesWith(replacement.output())
    node.destroy()
    if not old_weight.uses():
        old_weight.node().destroy()  # now, not with all others: memory holds all weights once, and one layer's twice
