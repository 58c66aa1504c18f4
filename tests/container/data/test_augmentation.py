import io

import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from bench.photos import photo
from container.data.augmentation import SMALLEST_CROP, RandomCrop, augmentation, augmentation_side
from container.data.decode import decode_image
from container.model.preprocess import Preprocess, decode_side

SIZE = 32


def regions(height: int, width: int, smallest_area: float = 0.35, count: int = 3000) -> Tensor:
    """Top, left, height and width of that many random parts, (count, 4), float."""
    crop = RandomCrop(SIZE, smallest_area)
    torch.manual_seed(1)
    chances = torch.rand((count, 23), dtype=torch.float64).tolist()
    return torch.tensor([crop.region(height, width, chance) for chance in chances], dtype=torch.float32)


@pytest.mark.parametrize(("height", "width"), [(375, 500), (400, 400), (700, 300), (100, 900), (1, 1), (3, 500)])
def test_every_part_lies_inside_the_image(height: int, width: int) -> None:
    top, left, rows, columns = regions(height, width).unbind(1)
    assert min(top.min(), left.min()) >= 0
    assert min(rows.min(), columns.min()) >= 1
    assert (top + rows).max() <= height
    assert (left + columns).max() <= width


@pytest.mark.parametrize("smallest_area", [0.35, 0.08])
def test_parts_are_distributed_as_torchvisions(smallest_area: float) -> None:
    height, width = 375, 500
    image = torch.empty(3, height, width, dtype=torch.uint8)
    reference = v2.RandomResizedCrop(SIZE, scale=(smallest_area, 1.0))
    torch.manual_seed(2)
    drawn = [reference.make_params([image]) for _ in range(3000)]
    theirs = torch.tensor([[float(one[name]) for name in ("top", "left", "height", "width")] for one in drawn])
    ours = regions(height, width, smallest_area)
    for share in (0.1, 0.5, 0.9):
        gap = ours.quantile(share, dim=0) - theirs.quantile(share, dim=0)
        assert (gap.abs() / torch.tensor([height, width, height, width]) < 0.03).all()


def test_a_panorama_gives_its_centre_where_no_part_fits() -> None:
    parts = regions(100, 900)
    assert (parts == torch.tensor([0, 384, 100, 133])).all()


def test_every_second_view_is_mirrored() -> None:
    image = torch.zeros(3, 40, 40, dtype=torch.uint8)
    image[:, :, 20:] = 255
    torch.manual_seed(3)
    crop = RandomCrop(SIZE, 0.9)
    views = (crop(image) for _ in range(400))
    mirrored = sum(bool(view[0, 0, 0] > view[0, 0, -1]) for view in views)
    assert 150 < mirrored < 250


def test_a_view_is_the_drawn_part_scaled_as_torchvision_scales_it() -> None:
    image = decode_image(photo(1))
    torch.manual_seed(4)
    view = RandomCrop(SIZE, 0.35)(image)
    torch.manual_seed(4)
    chance = torch.rand(23, dtype=torch.float64).tolist()
    top, left, height, width = RandomCrop(SIZE, 0.35).region(375, 500, chance)
    expected = v2.functional.resized_crop(image, top, left, height, width, [SIZE, SIZE], antialias=True)
    expected = expected.flip(2) if chance[-1] < 0.5 else expected
    assert (view.int() - expected.int()).abs().max() <= 1


@pytest.mark.parametrize("name", ["none", "basic", "strong"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 300), (33, 47), (200, 150)])
def test_views_of_any_image_are_bytes_of_the_networks_size(name: str, height: int, width: int) -> None:
    view = augmentation(name, SIZE, Preprocess(SIZE).crop)
    pixels = view(torch.full((3, height, width), 100, dtype=torch.uint8))
    assert (pixels.shape, pixels.dtype) == ((3, SIZE, SIZE), torch.uint8)


@pytest.mark.parametrize("name", ["none", "basic", "strong"])
def test_a_view_of_a_photo_decoded_smaller_is_the_same_view(name: str) -> None:
    side = augmentation_side(name, SIZE, decode_side(SIZE))
    body = photo(5, (8 * side, 6 * side))
    whole, small = decode_image(body), decode_image(body, side=side)
    assert small.shape[1] < whole.shape[1] / 3
    view = augmentation(name, SIZE, Preprocess(SIZE).crop)
    for seed in range(20):
        torch.manual_seed(seed)
        expected = view(whole).float()
        torch.manual_seed(seed)
        # Of 255 levels; other views of the photo are 30 to 70 away. Parts begin and end at whole pixels, which are four
        # times larger in the small one: a 56th of the photo, where 224 pixels are wanted a 384th.
        assert (view(small).float() - expected).abs().mean() < 8


@pytest.mark.parametrize("name", ["basic", "strong"])
def test_the_smallest_part_of_an_image_of_that_side_has_as_many_pixels_as_the_input(name: str) -> None:
    side = augmentation_side(name, 224, decode_side(224))
    assert side**2 * SMALLEST_CROP[name] >= 224**2 > (side - 1) ** 2 * SMALLEST_CROP[name]
    parts = regions(side, side * 4 // 3, SMALLEST_CROP[name])
    assert parts[:, 2:].min() >= 224 - 1  # of a 4:3 photo no part is enlarged, but for a pixel's rounding


def test_the_centre_crop_needs_what_the_network_says() -> None:
    assert augmentation_side("none", 224, 256) == 256


def test_turned_photos_are_decoded_smaller_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    with Image.open(io.BytesIO(photo(6, (400, 300)))) as image:
        image.save(file, "JPEG", exif=exif)
    assert decode_image(file.getvalue(), side=augmentation_side("basic", SIZE, decode_side(SIZE))).shape == (3, 100, 75)
