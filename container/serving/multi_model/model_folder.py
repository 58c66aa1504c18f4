"""The `url` of a request to load a model -> its folder, and how much memory it will take."""

from pathlib import Path

from container import contract
from container.errors import RequestError

MIB = 2**20
# Measured with ResNet-18 and -50, EfficientNet-B0, MobileNetV3, ConvNeXt and int8: the most that a process grows by
# while it loads a model is 2.9 to 3.3 times its file and 10 to 48 MiB. What stays is 1.1 times the file and 30 MiB.
LOADING_FACTOR = 3.3
LOADING_BYTES = 48 * MIB


def find_folder(url: str, models_dir: Path) -> Path:
    """The folder of a model, with all links resolved.

    Raises RequestError 400 if it, or a file of it, is not below `models_dir`, and 404 if there is no model in it.
    """
    try:
        root, folder = models_dir.resolve(), Path(url).resolve()
        files = [folder / name for name in contract.MODEL_FILES.values() if (folder / name).exists()]
        is_below = url.startswith("/") and all(path.resolve().is_relative_to(root) for path in (folder, *files))
    except (OSError, ValueError, RuntimeError) as error:  # a name that no file can have, links that lead in a circle
        raise _outside(url, models_dir) from error
    if not is_below or folder == root:
        raise _outside(url, models_dir)
    if not files:
        raise RequestError(
            404,
            "model_not_found",
            f"There is no {contract.MODEL_FILE} in {url[:200]!r}; give the folder that holds it.",
        )
    return folder


def loading_bytes(folder: Path) -> int:
    """Memory that loading the folder's model takes at most, whichever of its forms is chosen."""
    sizes = [path.stat().st_size for name in contract.MODEL_FILES.values() if (path := folder / name).is_file()]
    return int(max(sizes, default=0) * LOADING_FACTOR) + LOADING_BYTES


def _outside(url: str, models_dir: Path) -> RequestError:
    return RequestError(
        400,
        "invalid_model_url",
        f"The url {url[:200]!r} is refused; it must be the path of a folder below {models_dir}.",
    )
