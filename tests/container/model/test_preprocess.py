import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from bench.models import make_network
from bench.photos import photo
from container.data.decode import decode_image
from container.model.preprocess import CROP_SHARE, MEAN, STD, Preprocess, decode_side


def smooth_image(height: int, width: int) -> Tensor:
    """An image (3, H, W), uint8, of slow waves: what two ways of resampling must agree on."""
    rows = torch.linspace(0, 3, height).view(1, -1, 1)
    columns = torch.linspace(0, 2, width).view(1, 1, -1)
    phases = torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1)
    return ((rows + columns + phases).sin() * 100 + 128).round().to(torch.uint8)


@pytest.mark.parametrize(("height", "width"), [(256, 256), (375, 500), (500, 333), (1024, 768), (240, 240), (97, 120)])
def test_it_agrees_with_torchvisions_reference_on_a_smooth_image(height: int, width: int) -> None:
    image = smooth_image(height, width)
    reference = v2.Compose(
        [
            v2.Resize(256, antialias=True),
            v2.CenterCrop(224),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    difference = (Preprocess(224)([image])[0] - reference(image)).abs()
    # One level of 255 is 0.018 after normalisation. Cutting before scaling moves the crop by less than a pixel.
    assert difference.mean() < 0.02
    assert difference.max() < 0.08


@pytest.mark.parametrize(("height", "width"), [(1, 9000), (9000, 1), (1, 1), (2, 3), (3000, 40)])
def test_extreme_sizes_give_the_networks_size(height: int, width: int) -> None:
    pixels = Preprocess(64)([torch.full((3, height, width), 100, dtype=torch.uint8)])
    assert pixels.shape == (1, 3, 64, 64)
    expected = (100 - 255 * torch.tensor(MEAN)) / (255 * torch.tensor(STD))
    assert torch.allclose(pixels, expected.view(1, 3, 1, 1).expand_as(pixels), atol=1e-5)


def test_the_centre_is_what_remains() -> None:
    image = torch.zeros(3, 80, 160, dtype=torch.uint8)
    image[:, 5:75, 45:115] = 255  # the middle 7/8 of the shorter side, square
    assert (Preprocess(32).crop(image) == 255).all()


@pytest.mark.parametrize("image_size", [32, 224])
def test_images_of_any_sizes_make_one_batch(image_size: int) -> None:
    pixels = Preprocess(image_size)([smooth_image(40, 60), smooth_image(300, 200), smooth_image(33, 33)])
    assert pixels.shape == (3, 3, image_size, image_size)
    assert pixels.dtype == torch.float32


def test_an_image_is_the_same_alone_and_among_others() -> None:
    preprocess, images = Preprocess(64), [smooth_image(100, 80), smooth_image(70, 90)]
    assert torch.equal(preprocess(images)[1], preprocess(images[1:])[0])


def test_training_and_artifact_share_every_operation() -> None:
    preprocess, image = Preprocess(64), smooth_image(90, 120)
    by_training = preprocess.normalize(torch.stack([preprocess.crop(image)]))
    assert torch.equal(preprocess([image]), by_training)


def test_the_memory_layout_of_an_image_does_not_change_a_pixel() -> None:
    image = smooth_image(375, 500)
    interleaved = image.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert torch.equal(Preprocess(224).crop(image), Preprocess(224).crop(interleaved))


def test_it_has_nothing_to_train_and_nothing_to_save() -> None:
    assert list(Preprocess(32).parameters()) == []
    assert Preprocess(32).state_dict() == {}


@pytest.mark.parametrize("image_size", [1, 32, 96, 160, 224, 299, 384])
def test_the_side_to_decode_is_the_smallest_whose_crop_is_not_enlarged(image_size: int) -> None:
    side = decode_side(image_size)
    assert round(side * CROP_SHARE) >= image_size
    assert (side - 1) * CROP_SHARE < image_size


def test_the_side_to_decode_is_torchvisions_256_for_224() -> None:
    assert decode_side(224) == 256


def test_a_photo_that_is_decoded_smaller_gets_the_same_label_and_probabilities() -> None:
    network, preprocess = make_network(), Preprocess(224)
    bodies = [photo(seed, size) for seed, size in enumerate([(1024, 768), (600, 520), (1500, 1100)])]
    small = [decode_image(body, side=decode_side(224)) for body in bodies]
    assert [min(image.shape[1:]) for image in small] == [384, 260, 275]
    with torch.inference_mode():
        expected = network(preprocess([decode_image(body) for body in bodies])).softmax(dim=1)  # (3, 133)
        probabilities = network(preprocess(small)).softmax(dim=1)
    assert torch.equal(probabilities.argmax(dim=1), expected.argmax(dim=1))
    gap = (probabilities - expected).abs().sum(dim=1) / 2  # probability that moved to another class
    between_photos = (expected[0] - expected[1]).abs().sum() / 2
    assert gap.max() < 0.02
    assert between_photos > 3 * gap.max()
