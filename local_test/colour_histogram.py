"""How far colours alone get: a linear model on colour histograms, the yardstick beside a network's test accuracy."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from container.data.decode import decode_image
from container.errors import ImageError, UserError

LEVELS = 8  # per colour channel: 512 colours
LARGEST_SIDE = 256  # pixels; larger images are thinned out, which leaves their colours as they are
WEIGHT_DECAY = 1e-4


def baseline_accuracy(train_dir: Path, test_dir: Path) -> float:
    """Share of the images in `test_dir` that a logistic regression on colour histograms labels right, 0 to 1.

    Both are image folders: one folder per class. Unreadable files are left out; the classes are those of `train_dir`.
    Raises UserError if either folder has no readable image of these classes.
    """
    class_names = sorted(path.name for path in train_dir.iterdir() if path.is_dir())
    train_histograms, train_labels = read_histograms(train_dir, class_names)
    test_histograms, test_labels = read_histograms(test_dir, class_names)
    model = fit(train_histograms, train_labels, len(class_names))
    with torch.inference_mode():
        right = model(test_histograms).argmax(dim=1) == test_labels
    return float(right.float().mean())


def read_histograms(folder: Path, class_names: list[str]) -> tuple[Tensor, Tensor]:
    """Histograms (N, 512) and labels (N,) of every readable image in an image folder."""
    files = [
        (path, label)
        for label, name in enumerate(class_names)
        for path in sorted((folder / name).rglob("*"))
        if path.is_file()
    ]
    with ThreadPoolExecutor() as pool:  # decoding leaves Python's lock
        read = pool.map(read_histogram, [path for path, _ in files])
        shown = tqdm(read, "colours", len(files), unit="image", disable=None, leave=False)
        histograms = list(shown)
    readable = [
        (histogram, label) for histogram, (_, label) in zip(histograms, files, strict=True) if histogram is not None
    ]
    if not readable:
        raise UserError(f"{folder} has no readable image of the classes {', '.join(class_names)}; check the folder.")
    return torch.stack([histogram for histogram, _ in readable]), torch.tensor([label for _, label in readable])


def read_histogram(path: Path) -> Tensor | None:
    """The square root of each colour's share of the pixels, (512,), or None for a file that is no image."""
    try:
        image = decode_image(path.read_bytes())  # (3, H, W), uint8
    except ImageError:
        return None
    stride = -(-max(image.shape[1:]) // LARGEST_SIDE)
    levels = image[:, ::stride, ::stride].long() * LEVELS // 256
    colours = (levels[0] * LEVELS + levels[1]) * LEVELS + levels[2]
    counts = torch.bincount(colours.flatten(), minlength=LEVELS**3)
    return (counts / counts.sum()).sqrt()  # the root weighs rare colours up (Hellinger distance)


def fit(histograms: Tensor, labels: Tensor, num_classes: int) -> nn.Linear:
    """A multinomial logistic regression, fitted to the end: no random choice, so no seed."""
    model = nn.Linear(histograms.shape[1], num_classes)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(model(histograms), labels) + WEIGHT_DECAY * model.weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return model
