import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from container import contract
from container.data.channels import read_channel
from container.data.dataset import ImageDataset, ShardSampler, batches, make_loader
from container.data.decode import decode_image
from container.errors import ArtifactError
from container.model import packing
from container.model.artifact import load_artifact, read_card, save_artifact, stack
from container.model.backbone import make_backbone
from container.model.network import Network
from container.model.preprocess import Preprocess
from container.settings import TrainSettings
from container.training import build
from container.training.checkpoint import load_checkpoint
from container.training.distributed import Group
from tests.conftest import TrainedJob
from tests.job_folder import CLASS_NAMES, FAST
from tests.small_disk import small_disk

# Between the network in training and the frozen artifact: folding batch normalisation reorders float32 sums.
LARGEST_LOGIT_DIFFERENCE = 1e-4
SIZE = 32


def make_network(name: str, fine_tune: str = "head", head: str = "seed") -> Network:
    torch.manual_seed(3)
    backbone, num_features = make_backbone(name, SIZE, "none")
    return Network(backbone, num_features, 3, head, fine_tune).eval()


def picture(size: tuple[int, int]) -> bytes:
    """A noisy JPEG of (width, height)."""
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def random_images(*sizes: tuple[int, int]) -> list[Tensor]:
    return [torch.randint(0, 256, (3, *size), dtype=torch.uint8) for size in sizes]


def test_the_artifact_answers_every_test_image_as_training_time_evaluation_did(trained_job: TrainedJob) -> None:
    artifact = load_artifact(trained_job.folder.model_path)
    channel = read_channel("test", trained_job.folder.data_dir / "test", max_corrupt_share=0)

    # Training-time evaluation: the best weights in an eager network, fed by the loader.
    checkpoint = load_checkpoint(trained_job.folder.checkpoint_dir)
    assert checkpoint is not None
    settings = TrainSettings.read({contract.BASE_DIR_VARIABLE: str(trained_job.folder.base_dir)})
    network = build.make_network(settings, Group(0, 0, 1, torch.device("cpu")), len(CLASS_NAMES))  # the seed's backbone
    network.head.load_state_dict(checkpoint["best_weights"])  # all that fine_tune=head has changed
    preprocess = Preprocess(SIZE)
    dataset = ImageDataset(channel, preprocess.crop)
    loader = make_loader(dataset, ShardSampler(len(channel), 4, rank=0, world_size=1), 0, pin_memory=False)
    with torch.inference_mode():
        expected = torch.cat([network.eval()(preprocess.normalize(batch.images)) for batch in batches(loader)])

    # The artifact: decoded images one by one, of their own sizes.
    answered = torch.cat([artifact.logits([decode_image(path.read_bytes())]) for path in channel.files])
    assert len(answered) == len(channel) == 15
    assert (answered - expected).abs().max() <= LARGEST_LOGIT_DIFFERENCE
    assert expected.std() > 0.1  # of logits that say something
    assert torch.equal(answered.argmax(1), expected.argmax(1))
    assert trained_job.folder.metrics["artifact_logit_difference"] <= LARGEST_LOGIT_DIFFERENCE


def test_the_artifacts_accuracy_is_the_one_that_the_job_reported(trained_job: TrainedJob) -> None:
    artifact = load_artifact(trained_job.folder.model_path)
    channel = read_channel("test", trained_job.folder.data_dir / "test", max_corrupt_share=0)
    logits = artifact.logits([decode_image(path.read_bytes()) for path in channel.files])
    accuracy = (logits.argmax(1) == torch.tensor(channel.labels)).double().mean().item()
    assert accuracy == pytest.approx(trained_job.folder.metrics["test"]["accuracy"])
    assert accuracy > 0.8  # where chance is a third


PROGRAM = """
import json, sys, torch
names = {"class_names.json": "", "model_card.json": ""}
module = torch.jit.load(sys.argv[1], _extra_files=names)
image = torch.full((3, 50, 40), 90, dtype=torch.uint8)
assert not any(name.split(".")[0] in ("container", "torchvision") for name in sys.modules), "project code was imported"
print(json.dumps([module([image, image[:, :33]]).tolist(), json.loads(names["class_names.json"])]))
"""


def test_the_artifact_loads_where_only_torch_is(trained_job: TrainedJob, tmp_path: Path) -> None:
    # -I: neither the working directory nor PYTHONPATH is searched.
    command = [sys.executable, "-I", "-W", "ignore", "-c", PROGRAM, str(trained_job.folder.model_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    logits, class_names = json.loads(done.stdout)
    assert class_names == list(CLASS_NAMES)
    image = torch.full((3, 50, 40), 90, dtype=torch.uint8)
    expected = load_artifact(trained_job.folder.model_path).logits([image, image[:, :33]])
    assert np.allclose(logits, expected.numpy(), atol=LARGEST_LOGIT_DIFFERENCE)


def test_the_artifact_carries_what_the_server_and_a_person_need(trained_job: TrainedJob) -> None:
    artifact = load_artifact(trained_job.folder.model_path)
    card, metrics = artifact.card, trained_job.folder.metrics
    assert artifact.class_names == list(CLASS_NAMES)
    assert card["input_size"] == SIZE
    assert card["num_classes"] == 3
    assert card["test"] == metrics["test"]
    assert card["valid"] == metrics["valid"]
    assert card["data_fingerprint"] == metrics["data_fingerprint"]
    assert card["versions"]["torch"] == torch.__version__
    assert {"git_revision", "precision", "best_epoch", "hyperparameters", "num_images"} <= card.keys()
    assert card["hyperparameters"]["image_size"] == int(FAST["image_size"])


@pytest.mark.parametrize(
    ("name", "fine_tune"),
    [
        ("resnet18", "head"),
        ("resnet18", "all"),
        ("mobilenet_v3_small", "head"),
        ("squeezenet1_1", "head"),
        ("shufflenet_v2_x0_5", "last_block"),
        ("googlenet", "head"),
    ],
)
def test_a_network_of_any_backbone_becomes_an_artifact_that_answers_alike(
    tmp_path: Path, name: str, fine_tune: str
) -> None:
    network, preprocess = make_network(name, fine_tune), Preprocess(SIZE)
    images = random_images((40, 50), (33, 90))
    with torch.inference_mode():
        expected = network(preprocess(images))
    save_artifact(tmp_path / "model.pt", preprocess, network, ["a", "b", "c"], {"input_size": SIZE})
    answered = load_artifact(tmp_path / "model.pt").logits(images)
    assert answered.dtype == torch.float32
    assert (answered - expected).abs().max() <= LARGEST_LOGIT_DIFFERENCE


@pytest.fixture
def small_artifact(tmp_path: Path) -> Path:
    network = make_network("squeezenet1_1", head="linear")
    save_artifact(tmp_path / "model.pt", Preprocess(SIZE), network, ["ä", "b", "c"], {"input_size": SIZE})
    return tmp_path / "model.pt"


def test_images_of_any_sizes_and_number_are_answered_as_if_alone(small_artifact: Path) -> None:
    artifact = load_artifact(small_artifact)
    images = random_images((1, 900), (900, 1), (1, 1), (64, 64), (31, 200))
    together = artifact.logits(images)
    alone = torch.cat([artifact.logits([image]) for image in images])
    assert together.shape == (5, 3)
    assert torch.allclose(together, alone, atol=1e-5)


def test_class_names_may_be_in_any_language(small_artifact: Path) -> None:
    assert load_artifact(small_artifact).class_names == ["ä", "b", "c"]


def test_the_artifact_needs_no_gradients(small_artifact: Path) -> None:
    assert not load_artifact(small_artifact).logits(random_images((40, 40))).requires_grad


def test_saving_leaves_no_partial_file_and_replaces_the_old_one(small_artifact: Path) -> None:
    save_artifact(small_artifact, Preprocess(SIZE), make_network("squeezenet1_1"), ["x", "y", "z"], {"new": True})
    assert load_artifact(small_artifact).card == {"new": True}
    assert [path.name for path in small_artifact.parent.iterdir()] == ["model.pt"]


def test_an_artifact_that_the_disk_has_no_room_for_leaves_the_old_one_and_no_part(small_artifact: Path) -> None:
    with small_disk(1_000_000), pytest.raises(ArtifactError, match=r"model\.pt cannot be written: File too large"):
        save_artifact(small_artifact, Preprocess(SIZE), make_network("squeezenet1_1"), ["x", "y", "z"], {})
    assert load_artifact(small_artifact).card == {"input_size": SIZE}
    assert [path.name for path in small_artifact.parent.iterdir()] == ["model.pt"]


def test_an_artifact_that_cannot_be_written_where_it_should_go_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"nowhere/model\.pt cannot be written: No such file"):
        save_artifact(tmp_path / "nowhere" / "model.pt", Preprocess(SIZE), nn.Identity(), [], {})


def test_crops_are_stacked_channels_last_and_normalised_as_in_training(small_artifact: Path) -> None:
    artifact = load_artifact(small_artifact)
    images = [decode_image(body) for body in (picture((90, 60)), picture((33, 70)))]
    batch = stack([artifact.crop(image) for image in images])
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch, torch.stack([Preprocess(SIZE).crop(image) for image in images]))
    for crops in (batch, batch.contiguous()):
        normalised = artifact._normalize(crops)
        assert normalised.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(normalised, Preprocess(SIZE).normalize(batch), atol=5e-7, rtol=0)


def test_the_card_is_read_without_the_weights(small_artifact: Path) -> None:
    assert read_card(small_artifact) == {"input_size": SIZE} == load_artifact(small_artifact).card


@pytest.mark.parametrize("content", [None, b"", b"hello", b"PK\x03\x04" + bytes(100)])
def test_a_card_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model\.pt has no model card that can be read"):
        read_card(tmp_path / "model.pt")


def test_a_card_that_is_no_json_is_an_error(small_artifact: Path) -> None:
    with zipfile.ZipFile(small_artifact) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(small_artifact, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, b"{damaged" if name.endswith("/model_card.json") else content)
    for read in (read_card, load_artifact):
        with pytest.raises(ArtifactError, match="model card"):
            read(small_artifact)


def test_a_missing_artifact_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"There is no model artifact at .*model\.pt; train first"):
        load_artifact(tmp_path / "model.pt")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04" + bytes(100)])
def test_a_file_that_is_no_torchscript_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model\.pt is not a TorchScript file") as caught:
        load_artifact(tmp_path / "model.pt")
    assert "\n" not in str(caught.value)


def test_a_truncated_artifact_is_refused(small_artifact: Path) -> None:
    small_artifact.write_bytes(small_artifact.read_bytes()[:-2000])
    with pytest.raises(ArtifactError, match="is not a TorchScript file"):
        load_artifact(small_artifact)


def test_a_state_dict_is_no_artifact(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "model.pt")
    with pytest.raises(ArtifactError, match="is not a TorchScript file"):
        load_artifact(tmp_path / "model.pt")


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_foreign_torchscript_file_is_refused(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), str(tmp_path / "model.pt"))
    with pytest.raises(ArtifactError, match="carries no class names or model card"):
        load_artifact(tmp_path / "model.pt")


@pytest.mark.skipif(not packing._is_possible(), reason="weights are packed on x86-64 only")
@pytest.mark.parametrize(
    ("defect", "reason"), [("raises", "no such pass"), ("answers otherwise", "its answers differ")]
)
def test_a_network_whose_weights_cannot_be_reordered_is_served_as_it_was_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], defect: str, reason: str
) -> None:
    def broken(graph: torch._C.Graph, node: torch._C.Node, weight: Tensor) -> None:
        if defect == "raises" and node.kind() == packing.LINEAR:  # the last: all others are replaced before
            raise RuntimeError("no such pass")
        replace(graph, node, weight if defect == "raises" else (-weight.to_dense()).to_mkldnn())

    replace = packing._replace
    network = make_network("resnet18")
    save_artifact(tmp_path / "model.pt", Preprocess(SIZE), network, ["a", "b", "c"], {})
    monkeypatch.setattr(packing, "_replace", broken)
    images = random_images((40, 50))
    answered = load_artifact(tmp_path / "model.pt").logits(images)
    with torch.inference_mode():
        torch.testing.assert_close(answered, network(Preprocess(SIZE)(images)), atol=1e-4, rtol=0)
    assert f"weights as they were stored, which is slower: {reason}" in capsys.readouterr().err.replace(
        "with them ", ""
    )


# In a process of its own, as it damages PyTorch's table.
LOST_BUILTIN = """
import sys
from pathlib import Path
import torch
from container.model.artifact import load_artifact, save_artifact
from container.model.preprocess import Preprocess
from tests.container.model.test_artifact import SIZE, make_network
network = make_network("resnet18")
table = torch.jit._builtins._get_builtin_table()
address = id(network.backbone.conv1._reversed_padding_repeated_twice)
table[address] = "aten::add"
for name in ("a", "b"):
    path = Path(sys.argv[1]) / name
    save_artifact(path, Preprocess(SIZE), network, ["x", "y", "z"], {"input_size": SIZE})
    assert load_artifact(path).class_names == ["x", "y", "z"]
assert address not in table
assert len(table) > 1000
"""


def test_an_attribute_that_is_taken_for_a_builtin_function_does_no_harm(tmp_path: Path) -> None:
    """PyTorch's table of builtin functions has addresses of objects that are gone, where others may lie later."""
    command = [sys.executable, "-W", "ignore", "-c", LOST_BUILTIN, str(tmp_path)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
