"""TorchDynamo, torch's compiler, is loaded when somebody compiles: a training job never does.

torchvision imports it for one function, and every optimizer to tell it where not to compile. Loading it takes longer
than loading torch, and half as much memory again.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

DYNAMO, UTILS = "torch._dynamo", "torch._dynamo.utils"


def put_off_dynamo() -> None:
    """Have torch do without its compiler until somebody asks for more of it than where not to compile.

    To be called before anything imports torchvision.
    """
    if DYNAMO in sys.modules:
        return
    import torch

    placeholder = _Placeholder(DYNAMO, disable=_disable, graph_break=lambda: None)
    utils = _Placeholder(UTILS, is_compile_supported=lambda device: False)  # of torchvision's operators for boxes
    sys.modules |= {DYNAMO: placeholder, UTILS: utils}
    torch._dynamo = placeholder


class _Placeholder(ModuleType):
    """Has the few names that are used where nothing is compiled; any other loads the real module."""

    def __init__(self, name: str, **known: Any) -> None:
        super().__init__(name)
        self.__dict__.update(known)

    def __getattr__(self, name: str) -> Any:
        # Whoever looks through all modules for such a name means none in particular; importing a submodule means it.
        if name.startswith("__") and (name, self.__name__) != ("__path__", DYNAMO):
            raise AttributeError(name)
        for module in (DYNAMO, UTILS):
            if isinstance(sys.modules.get(module), _Placeholder):
                del sys.modules[module]
        return getattr(importlib.import_module(self.__name__), name)


def _disable(function: Callable[..., Any] | None = None, *_: Any, **__: Any) -> Any:
    """The function itself, as nothing compiles it; without one, a decorator that leaves its function as it is."""
    return function if function is not None else _disable
