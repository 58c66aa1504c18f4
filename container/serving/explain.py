"""Why an image was given a label: where in it the network found what speaks for that label."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from container.errors import RequestError
from container.model.preprocess import CROP_SHARE
from container.serving.predictor import Predictor

# What speaks most for a label is yellow, what speaks a little is a faint red, the rest is left as it is.
FAINT, STRONG = (230.0, 30.0, 30.0), (255.0, 230.0, 60.0)
OPACITY = 0.65


@dataclass(frozen=True)
class Explanation:
    """What each place of an image adds to one label's logit.

    `places` (h, w): their mean is the logit. `crop`, uint8 (3, S, S), is the part of the image that they divide among
    them; `size` is that of the whole image as it was decoded, (width, height).
    """

    label: str
    places: Tensor
    crop: Tensor
    size: tuple[int, int]

    def as_json(self) -> dict[str, Any]:
        """`box` is where the crop lies, in shares of the image's width and height."""
        width, height = self.size
        side = min(width, height) * CROP_SHARE
        across, down = side / width, side / height
        box = {"left": (1 - across) / 2, "top": (1 - down) / 2, "width": across, "height": down}
        return {
            "label": self.label,
            "map": [[round(value, 4) for value in row] for row in self.places.tolist()],
            "box": {name: round(share, 6) for name, share in box.items()},
        }

    def as_png(self) -> bytes:
        """The crop with the map over it."""
        size = list(self.crop.shape[1:])
        share = self.places.clamp(min=0) / self.places.max().clamp(min=1e-6)
        share = F.interpolate(share.view(1, 1, *share.shape), size=size, mode="bilinear", align_corners=False)[0]
        faint, strong = (torch.tensor(colour).view(3, 1, 1) for colour in (FAINT, STRONG))
        colour = faint + (strong - faint) * share  # (3, S, S)
        pixels = self.crop.float().lerp(colour, OPACITY * share)
        file = io.BytesIO()
        Image.fromarray(pixels.round().to(torch.uint8).permute(1, 2, 0).numpy()).save(file, "PNG")
        return file.getvalue()


def explain(
    predictor: Predictor,
    crops: list[Tensor],
    probabilities: Tensor,
    sizes: Sequence[tuple[int, int]],
    label: str | None,
) -> list[Explanation]:
    """Of each of N crops, uint8 (3, S, S), why it is `label`, or the one that is most likely by probabilities (N, K).

    Raises RequestError 422 if no class has that label, or the network has no maps.
    """
    if label is not None and label not in predictor.class_names:
        raise RequestError(422, "invalid_label", f"No class is named {label[:100]!r}; GET / names them all.")
    chosen = probabilities.argmax(dim=1).tolist()
    if label is not None:
        chosen = [predictor.class_names.index(label)] * len(crops)
    maps = predictor.explain(crops, chosen)  # (N, h, w)
    return [
        Explanation(predictor.class_names[index], places, crop, size)
        for index, places, crop, size in zip(chosen, maps, crops, sizes, strict=True)
    ]
