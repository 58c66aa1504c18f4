"""The whole way of a picture in ten steps, on a CPU, in seconds, with the project's own pieces and nothing else."""

import io
from pathlib import Path

import pytest
import torch
from torch import nn

from container import contract
from container.data.augmentation import augmentation
from container.data.channels import read_channel
from container.data.dataset import BatchSampler, ImageDataset, batches, make_loader
from container.data.decode import decode_image
from container.model.artifact import load_artifact, save_artifact
from container.model.backbone import make_backbone
from container.model.network import Network
from container.model.preprocess import Preprocess
from container.serving.app import create_app
from container.serving.predictor import Layout, Predictor
from container.serving.readiness import Readiness
from container.serving.settings import ServeSettings
from container.training.checkpoint import load_checkpoint, save_checkpoint
from container.training.distributed import Group
from container.training.loop import Trainer
from container.training.metrics import Tally
from tests.conftest import TrainedJob
from tests.job_folder import CLASS_NAMES, write_class_folders, write_picture

SIZE = 32
SERVE = {"SERVE_TOP_K": "2"}


def make_server(model_path: Path) -> Readiness:
    predictor = Predictor(load_artifact(model_path), Layout(), timeout_seconds=60)
    readiness = Readiness(lambda: predictor)
    assert readiness.warm_up()
    return readiness


def test_a_picture_goes_from_a_file_to_a_label_in_ten_steps(tmp_path: Path) -> None:
    # 1. image file -> RGB image, class index
    channel = read_channel("train", write_class_folders(tmp_path / "train", 8), max_corrupt_share=0)
    assert decode_image(channel.files[0].read_bytes()).dtype == torch.uint8

    # 2. RGB images -> batch (N, 3, S, S), labels (N,)
    preprocess = Preprocess(SIZE)
    dataset = ImageDataset(channel, augmentation("none", SIZE, preprocess.crop))
    sampler = BatchSampler(len(channel), 8, rank=0, world_size=1, accumulation_steps=1, seed=0)
    loader = make_loader(dataset, sampler, 0, pin_memory=False)
    batch = next(batches(loader))
    assert batch.images.shape == (8, 3, SIZE, SIZE)

    # 3. batch -> features (N, D); 4. features -> logits (N, K)
    torch.manual_seed(0)
    backbone, num_features = make_backbone("squeezenet1_1", SIZE, "none")
    network = Network(backbone, num_features, len(channel.class_names), "linear", "head")
    assert network.backbone(preprocess.normalize(batch.images)).shape == (8, num_features)
    assert network(preprocess.normalize(batch.images)).shape == (8, 3)

    # 5. logits, labels -> loss, accuracy, metric line
    trainer = Trainer(
        network=network,
        preprocess=preprocess,
        optimizer=torch.optim.Adam(network.head.parameters()),
        criterion=nn.CrossEntropyLoss(),
        class_weights=torch.ones(3),
        learning_rate=lambda step: 0.02,
        precision=torch.float32,
        group=Group(0, 0, 1, torch.device("cpu")),
        seed=0,
        accumulation_steps=1,
        checkpoint_seconds=1e9,
    )
    labels = torch.tensor(channel.labels)
    for epoch in range(10):
        sampler.start_at(epoch)
        tally = trainer.train_one_epoch(loader, sampler, labels, Tally.empty(3), lambda: False, lambda step, sums: None)
    assert tally.accuracy > 0.9
    assert contract.metric_line("Train accuracy", tally.accuracy).startswith("Train accuracy: ")

    # 6. best weights -> checkpoint
    save_checkpoint(tmp_path / "checkpoints", 15, {"network": network.state_dict()})
    state = load_checkpoint(tmp_path / "checkpoints")
    assert state is not None

    # 7. checkpoint -> TorchScript model.pt in the model artifact
    network.load_state_dict(state["network"])
    save_artifact(tmp_path / "model.pt", preprocess, network, list(channel.class_names), {"input_size": SIZE})

    # 8. request -> RGB image; 9. images -> prediction; 10. prediction -> response
    client = create_app(
        ServeSettings.from_environment(SERVE, cores=1), make_server(tmp_path / "model.pt")
    ).test_client()
    picture = write_picture(tmp_path / "new.png", (210, 45, 35), seed=99)
    answer = client.post("/invocations", data=picture.read_bytes(), content_type="image/png")
    assert answer.status_code == 200
    (prediction,) = answer.get_json()["predictions"]
    assert prediction["labels"][0] == "001.Red"
    assert len(prediction["labels"]) == 2
    assert prediction["probabilities"][0] > prediction["probabilities"][1]


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_what_the_job_trained_is_what_the_server_answers(trained_job: TrainedJob, name: str) -> None:
    client = create_app(
        ServeSettings.from_environment(SERVE, 1), make_server(trained_job.folder.model_path)
    ).test_client()
    assert client.get("/ping").status_code == 200
    paths = sorted((trained_job.folder.data_dir / "test" / name).iterdir())
    answer = client.post(
        "/invocations",
        data={f"file{number}": (io.BytesIO(path.read_bytes()), path.name) for number, path in enumerate(paths)},
    )
    labels = [prediction["labels"][0] for prediction in answer.get_json()["predictions"]]
    assert len(labels) == 5
    assert labels.count(name) >= 4
