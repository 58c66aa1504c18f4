"""Where an image shows its label: through the whole application, with a network that looks at each place by itself."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from flask.testing import FlaskClient
from PIL import Image

from container.model.artifact import save_artifact
from container.model.network import Network
from container.model.preprocess import Preprocess
from container.serving.app import create_app
from container.serving.load import load_predictor
from container.serving.readiness import Readiness
from container.serving.settings import ServeSettings

SIZE, PLACES = 32, 4  # pixels of a crop's side; places of a map's side
COLOURS = ["red", "green", "blue"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """Of a model whose logits are the mean colours, four times four places of the image."""
    patches = torch.nn.Conv2d(3, 3, SIZE // PLACES, stride=SIZE // PLACES, bias=False)
    features = torch.nn.Sequential(patches, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    network = Network(features, 3, 3, head="linear", fine_tune="head")
    patches.weight.data = torch.eye(3).view(3, 3, 1, 1).expand(patches.weight.shape) / (SIZE // PLACES) ** 2
    network.head[0].weight.data, network.head[0].bias.data = torch.eye(3), torch.zeros(3)
    return client_of(tmp_path_factory.mktemp("model"), network)


def client_of(model_dir: Path, network: torch.nn.Module) -> FlaskClient:
    save_artifact(model_dir / "model.pt", Preprocess(SIZE), network, COLOURS, {"input_size": SIZE})
    settings = ServeSettings(
        model_dir=model_dir, threads=4, batch_size=2, inferences=1, torch_threads=1, lone_threads=1, decodes=1
    )
    readiness = Readiness(lambda: load_predictor(settings, "cpu"))
    assert readiness.warm_up()
    return create_app(settings, readiness).test_client()


def picture(width: int = 64, height: int = 64) -> bytes:
    """Blue, with a red square in the top right quarter."""
    image = Image.new("RGB", (width, height), "blue")
    image.paste((255, 0, 0), (width // 2, 0, width, height // 2))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_a_map_says_where_the_most_likely_label_was_found(client: FlaskClient) -> None:
    (prediction,) = client.post("/invocations?explain=cam", data=picture()).get_json()["predictions"]
    explanation = prediction["explanation"]
    assert prediction["labels"][0] == explanation["label"] == "blue"
    places = np.array(explanation["map"])
    assert places.shape == (PLACES, PLACES)
    assert places[0, -1] == places.min()  # the red square
    assert places[-1, 0] == places.max()


def test_another_label_can_be_asked_for(client: FlaskClient) -> None:
    (prediction,) = client.post("/invocations?explain=cam&label=red", data=picture()).get_json()["predictions"]
    assert prediction["explanation"]["label"] == "red"
    assert np.array(prediction["explanation"]["map"]).argmax() == PLACES - 1


def test_the_box_is_the_part_of_the_image_that_was_looked_at(client: FlaskClient) -> None:
    (prediction,) = client.post("/invocations?explain=cam", data=picture(200, 100)).get_json()["predictions"]
    assert prediction["explanation"]["box"] == {"left": 0.28125, "top": 0.0625, "width": 0.4375, "height": 0.875}


def test_several_images_have_a_map_each_and_a_bad_one_has_its_error(client: FlaskClient) -> None:
    bodies = [picture(), b"no image", picture(40, 90)]
    instances = [{"b64": base64.b64encode(body).decode()} for body in bodies]
    first, bad, last = client.post("/invocations?explain=cam", json={"instances": instances}).get_json()["predictions"]
    assert (first["explanation"]["label"], last["explanation"]["box"]["width"]) == ("blue", 0.875)
    assert bad["error"]["code"] == "undecodable_image"
    lines = b"\n".join(json.dumps(instance).encode() for instance in instances)
    answer = client.post("/invocations?explain=cam", data=lines, content_type="application/jsonlines")
    assert [json.loads(line) for line in answer.data.splitlines()] == [first, bad, last]
    headers = {"Accept": "application/x-npy"}
    answer = client.post("/invocations?explain=cam", json={"instances": instances}, headers=headers)
    maps = np.load(io.BytesIO(answer.data))
    assert maps.shape == (3, PLACES, PLACES)
    assert np.isnan(maps[1]).all()
    assert maps[2] == pytest.approx(np.array(last["explanation"]["map"]), abs=1e-4)


def test_a_png_shows_the_map_over_what_the_network_saw(client: FlaskClient) -> None:
    headers = {"Accept": "image/png", "X-Amzn-SageMaker-Custom-Attributes": "explain=cam"}
    answer = client.post("/invocations?label=red", data=picture(), headers=headers)
    assert answer.content_type == "image/png"
    with Image.open(io.BytesIO(answer.data)) as image:
        pixels = np.asarray(image).astype(int)
    assert pixels.shape == (SIZE, SIZE, 3)
    assert pixels[-4, 4].tolist() == [0, 0, 255]  # nothing red there
    assert pixels[2, -3, 1] > 100  # yellow over the square


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("explain=lime", {}, (422, "invalid_explain")),
        ("explain=cam&label=purple", {}, (422, "invalid_label")),
        ("explain=cam", {"Accept": "text/csv"}, (406, "not_acceptable")),
        ("", {"Accept": "image/png"}, (406, "not_acceptable")),
    ],
)
def test_what_cannot_be_explained_is_refused(client: FlaskClient, query: str, headers: dict, expected: tuple) -> None:
    answer = client.post(f"/invocations?{query}", data=picture(), headers=headers)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == expected


def test_a_png_of_two_images_is_refused(client: FlaskClient) -> None:
    instances = [{"b64": base64.b64encode(picture()).decode()}] * 2
    answer = client.post("/invocations?explain=cam", json={"instances": instances}, headers={"Accept": "image/png"})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (422, "not_one_image")


def test_a_network_without_maps_says_so_and_classifies_all_the_same(tmp_path: Path) -> None:
    features = torch.nn.Sequential(
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 3), torch.nn.Sigmoid()
    )
    client = client_of(tmp_path, Network(features, 3, 3, head="linear", fine_tune="head"))
    for _ in range(2):
        answer = client.post("/invocations?explain=cam", data=picture())
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (422, "no_explanation")
    assert client.post("/invocations", data=picture()).status_code == 200
