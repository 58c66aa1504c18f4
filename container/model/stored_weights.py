"""The pickles of a model.pt, read for one fact: how many bytes each of its weights needs.

PyTorch takes their word for it, and reads behind the end of a weight that is stored with fewer: the process dies.
"""

import io
import pickle
import zipfile
from typing import Any

PICKLES = {"data.pkl": "data", "constants.pkl": "constants"}  # name below the archive's folder -> its weights' folder
# Of one element, by the name of its storage's class; a type that is not here counts as 1.
ELEMENT_BYTES = {
    **dict.fromkeys(("DoubleStorage", "LongStorage", "ComplexFloatStorage"), 8),
    **dict.fromkeys(("FloatStorage", "IntStorage", "QInt32Storage"), 4),
    **dict.fromkeys(("HalfStorage", "BFloat16Storage", "ShortStorage"), 2),
    "ComplexDoubleStorage": 16,
}


class Placeholder:
    """Stands for whatever class or function a pickle names, and for all that this would have made."""

    def __new__(cls, *_: Any, **__: Any) -> "Placeholder":
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, _key: Any, _value: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        pass

    def extend(self, _: Any) -> None:
        pass


class StorageReader(pickle.Unpickler):
    """`needed`: name of each weight's file -> its bytes, once `load` has been called."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        self.needed: dict[str, int] = {}

    def find_class(self, _module: str, name: str) -> type:
        return type(name, (Placeholder,), {})

    def persistent_load(self, description: Any) -> Placeholder:
        """Of ("storage", class, file's name, device, number of elements)."""
        _, kind, name, _, num_elements = description
        size = ELEMENT_BYTES.get(kind.__name__, 1) * num_elements
        self.needed[name] = max(size, self.needed.get(name, 0))
        return Placeholder()


def missing_weight(archive: zipfile.ZipFile) -> str:
    """What is wrong with the first weight that is stored with too few bytes, or nothing.

    Raises UnpicklingError if a pickle cannot be read.
    """
    stored = {member.filename: member.file_size for member in archive.infolist()}
    for member in stored:
        folder, _, name = member.partition("/")
        if name not in PICKLES:
            continue
        for weight, needed in _needed(archive.read(member)).items():
            path = f"{folder}/{PICKLES[name]}/{weight}"
            if stored.get(path, 0) < needed:
                return f"{path!r} has {stored.get(path, 0)} bytes, and the network needs {needed} of it"
    return ""


def _needed(content: bytes) -> dict[str, int]:
    reader = StorageReader(content)
    try:
        reader.load()
    except (pickle.UnpicklingError, EOFError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise pickle.UnpicklingError(f"one of its pickles is damaged: {error}") from error
    except (ImportError, ArithmeticError, RecursionError, MemoryError) as error:
        raise pickle.UnpicklingError(f"one of its pickles cannot be read: {error}") from error
    return reader.needed
