import pytest
import torch

from container.data.channels import Channel
from container.errors import SettingsError
from container.training.build import make_loaders, make_network, make_sampler, make_trainer
from container.training.distributed import Group
from container.training.splits import load_splits
from tests.job_folder import JobFolder

ALONE = Group(0, 0, 1, torch.device("cpu"))


@pytest.fixture
def splits(job_folder: JobFolder) -> dict[str, Channel]:
    job_folder.configure().add_channels(train={"001.Red": 6, "002.Green": 4, "003.Blue": 2}, valid=2)
    return load_splits(job_folder.settings(), ALONE, lambda: None)


def test_the_first_weights_depend_on_the_seed_alone(job_folder: JobFolder) -> None:
    def weights(seed: int, noise: int) -> torch.Tensor:
        torch.manual_seed(noise)
        network = make_network(job_folder.configure(seed=seed).settings(), ALONE, 3)
        return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])

    assert torch.equal(weights(1, noise=5), weights(1, noise=6))
    assert not torch.equal(weights(1, noise=5), weights(2, noise=5))


def test_convolutions_run_channels_last(job_folder: JobFolder) -> None:
    network = make_network(job_folder.configure().settings(), ALONE, 3)
    kernels = [module.weight for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)


def test_the_learning_rate_warms_up_and_falls_over_the_whole_job(
    job_folder: JobFolder, splits: dict[str, Channel]
) -> None:
    settings = job_folder.configure(learning_rate=0.1, num_epochs=4, warmup_epochs=1).settings()
    trainer = make_trainer(settings, ALONE, make_network(settings, ALONE, 3), splits["train"], steps_per_epoch=5)
    assert [trainer.learning_rate(step) for step in range(5)] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    assert trainer.learning_rate(20) == pytest.approx(0.001)


def test_class_weights_come_from_the_train_channel(job_folder: JobFolder, splits: dict[str, Channel]) -> None:
    settings = job_folder.configure(class_weights="balanced", label_smoothing=0.2).settings()
    trainer = make_trainer(settings, ALONE, make_network(settings, ALONE, 3), splits["train"], 1)
    assert (trainer.class_weights * torch.tensor([6.0, 4, 2])).tolist() == pytest.approx([36 / 11] * 3)
    assert torch.equal(trainer.criterion.weight, trainer.class_weights)  # type: ignore[arg-type]
    assert trainer.criterion.label_smoothing == 0.2


def test_a_frozen_backbone_is_no_concern_of_the_optimizer(job_folder: JobFolder, splits: dict[str, Channel]) -> None:
    settings = job_folder.configure(fine_tune="head", head="linear").settings()
    trainer = make_trainer(settings, ALONE, make_network(settings, ALONE, 3), splits["train"], 1)
    (group,) = trainer.optimizer.param_groups
    assert [tuple(parameter.shape) for parameter in group["params"]] == [(3, 512), (3,)]


@pytest.mark.parametrize(("accumulation_steps", "world_size"), [(5, 1), (1, 5), (3, 2)])
def test_a_batch_that_cannot_be_dealt_is_refused(
    job_folder: JobFolder, splits: dict[str, Channel], accumulation_steps: int, world_size: int
) -> None:
    settings = job_folder.configure(accumulation_steps=accumulation_steps).settings()
    group = Group(0, 0, world_size, torch.device("cpu"))
    with pytest.raises(
        SettingsError, match=r"batch_size=8 of 12 train images cannot be dealt to .* raise batch_size to \d+"
    ):
        make_sampler(settings, group, splits["train"])


def test_a_batch_larger_than_the_channel_is_the_whole_channel(
    job_folder: JobFolder, splits: dict[str, Channel]
) -> None:
    sampler = make_sampler(job_folder.configure(batch_size=64).settings(), ALONE, splits["train"])
    assert [len(batch) for batch in sampler.global_batches()] == [12]


def test_only_training_is_augmented(job_folder: JobFolder, splits: dict[str, Channel]) -> None:
    settings = job_folder.configure(augment="strong").settings()
    sampler = make_sampler(settings, ALONE, splits["train"])
    loaders = make_loaders(settings, ALONE, splits, sampler, cores=1)
    assert loaders.keys() == {"train", "valid"}

    def first_image(name: str, epoch: int) -> torch.Tensor:
        return loaders[name].dataset[epoch, 0][0]

    assert not torch.equal(first_image("train", 0), first_image("train", 1))
    assert torch.equal(first_image("valid", 0), first_image("valid", 1))
