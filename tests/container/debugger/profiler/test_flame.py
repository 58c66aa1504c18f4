from dataclasses import dataclass, field
from typing import Any

from torch._C._profiler import _EventType

from container.debugger.profiler.flame import flame_graph, operator_table

LOOP = "/opt/program/container/training/loop.py"


@dataclass
class Node:
    """An event as torch's tree has it; `us` is its duration."""

    name: str
    us: float
    children: list["Node"] = field(default_factory=list)
    tag: Any = _EventType.TorchOp

    @property
    def duration_time_ns(self) -> int:
        return int(self.us * 1000)


def call(name: str, us: float, *children: Node) -> Node:
    return Node(name, us, list(children), _EventType.PyCall)


@dataclass
class Kernel:
    called: str
    activity: str
    ns: int

    def name(self) -> str:
        return self.called

    def activity_type(self) -> str:
        return self.activity

    def duration_ns(self) -> int:
        return self.ns


def test_an_operators_self_time_is_without_the_operators_it_calls() -> None:
    inner = call("torch/nn/functional.py(1): f", 8, Node("aten::mul", 5))
    rows = operator_table([Node("aten::linear", 10, [inner, Node("aten::add", 2)])], [])
    assert [(row["name"], row["self_us"], row["total_us"]) for row in rows] == [
        ("aten::mul", 5.0, 5.0),
        ("aten::linear", 3.0, 10.0),
        ("aten::add", 2.0, 2.0),
    ]


def test_kernels_are_rows_of_the_gpu_and_its_annotations_are_not() -> None:
    kernels = [Kernel("gemm", "kernel", 4000), Kernel("gemm", "kernel", 5000), Kernel("gemm", "gpu_user_annotation", 9)]
    assert operator_table([Node("gemm", 1)], kernels)[0] == {
        "name": "gemm",
        "calls": 2,
        "self_us": 9.0,
        "total_us": 9.0,
        "device": "cuda",
    }


def test_the_table_has_the_fifty_largest() -> None:
    rows = operator_table([Node(f"aten::{number}", number) for number in range(60)], [])
    assert [row["self_us"] for row in rows] == [float(number) for number in range(59, 9, -1)]


def test_library_functions_make_room_for_what_they_call() -> None:
    module = call(
        "nn.Module: Linear_0", 60, call("torch/nn/modules/linear.py(134): forward", 50, Node("aten::addmm", 40))
    )
    ours = [call(f"{LOOP}(81): _train_step", 90, module, Node("aten::add", 5))] * 2
    flame = flame_graph([call("container/training/run.py(9): run", 200, *ours, Node("aten::item", 8))], 200e-6)
    assert flame == {
        "name": "steps",
        "us": 200.0,
        "children": [
            {
                "name": "_train_step (loop.py)",
                "us": 180.0,
                "children": [
                    {
                        "name": "Linear_0",
                        "us": 120.0,
                        "children": [{"name": "aten::addmm", "us": 80.0, "children": []}],
                    },
                    {"name": "aten::add", "us": 10.0, "children": []},
                ],
            },
            {"name": "aten::item", "us": 8.0, "children": []},
        ],
    }


def test_functions_that_only_lead_to_the_step_take_no_level() -> None:
    node = Node("aten::add", 100)
    for line in range(30):
        node = call(f"container/training/run.py({line}): outer", 100, node)
    assert [box["name"] for box in flame_graph([node], 100e-6)["children"]] == ["aten::add"]


def test_the_profilers_own_work_is_left_out() -> None:
    own = call("container/debugger/profiler/operators.py(60): step", 50, Node("aten::add", 40))
    names = [box["name"] for box in flame_graph([own, Node("aten::mul", 50)], 100e-6)["children"]]
    assert "step (operators.py)" not in names


def test_small_boxes_and_deep_levels_are_pruned() -> None:
    deep = Node("aten::0", 1000)
    for level in range(1, 20):
        deep = Node(f"aten::{level}", 1000, [deep])
    flame = flame_graph([deep, Node("aten::small", 1.9)], 1000e-6)
    levels = 0
    while flame["children"]:
        assert len(flame["children"]) == 1
        flame, levels = flame["children"][0], levels + 1
    assert levels == 12
