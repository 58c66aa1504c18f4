from pathlib import Path

import pytest
import torch

from container.data.dataset import ShardSampler
from container.data.feature_cache import SUFFIX
from container.training.build import make_network, make_sampler
from container.training.distributed import Group
from container.training.feature_build import ViewSampler, feature_loaders, make_features, num_views, tasks
from container.training.feature_keys import weights_digest
from container.training.features import JobFeatures
from container.training.splits import load_splits
from tests.job_folder import JobFolder

ALONE = Group(0, 0, 1, torch.device("cpu"))
HEAD = {"fine_tune": "head", "num_epochs": 6, "cached_views": 4, "augment": "basic"}


def views(folder: JobFolder, **options: object) -> int:
    return num_views(folder.configure(**{**HEAD, **options}).settings().hyperparameters)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 4),
        ({"cached_views": 9}, 6),
        ({"cached_views": 1}, 1),
        ({"augment": "none"}, 1),
        ({"feature_cache": "on"}, 4),
        ({"feature_cache": "off"}, 0),
        ({"fine_tune": "last_block"}, 0),
        ({"fine_tune": "all", "feature_cache": "on"}, 0),
    ],
    ids=str,
)
def test_the_views_are_as_many_as_the_job_can_use_and_keep(
    job_folder: JobFolder, options: dict[str, object], expected: int
) -> None:
    assert views(job_folder, **options) == expected


def make(folder: JobFolder, group: Group = ALONE, **options: object) -> JobFeatures | None:
    folder.configure(**{**HEAD, **options})
    if not any(folder.data_dir.iterdir()):
        folder.add_channels(train=4, valid=2, test=2)
    settings = folder.settings()
    splits = load_splits(settings, ALONE, lambda: None)
    network = make_network(settings, ALONE, 3)
    return make_features(settings, group, splits, network, weights_digest(network.backbone), cores=1)


def prepare_all(features: JobFeatures | None) -> None:
    assert features is not None
    for task in features.keys:
        features.prepare(*task, lambda: None)


def test_a_job_needs_every_view_of_train_and_one_of_each_other_split_soonest_first(job_folder: JobFolder) -> None:
    features = make(job_folder, cached_views=3)
    assert features is not None
    in_order = [("train", 0), ("valid", 0), ("train", 1), ("train", 2), ("test", 0)]
    assert list(features.keys) == in_order
    assert len({key.name for key in features.keys.values()}) == 5
    assert tasks(dict.fromkeys(("train", "valid")), 1) == [("train", 0), ("valid", 0)]  # type: ignore[arg-type]


def test_auto_caches_where_an_epoch_shows_what_an_earlier_one_has_shown(job_folder: JobFolder) -> None:
    assert make(job_folder, num_epochs=5) is not None
    assert make(job_folder, num_epochs=4) is None  # as many views as epochs: each is read once
    assert make(job_folder, num_epochs=4, feature_cache="on") is not None
    assert make(job_folder, num_epochs=2, augment="none") is not None
    assert make(job_folder, num_epochs=1, augment="none") is None


def test_auto_uses_what_is_there_also_where_it_would_not_compute_it(job_folder: JobFolder) -> None:
    prepare_all(make(job_folder, num_epochs=4, feature_cache="on"))
    assert make(job_folder, num_epochs=4) is not None
    next(job_folder.settings().features_dir.glob("*" + SUFFIX)).unlink()
    assert make(job_folder, num_epochs=4) is None


@pytest.mark.parametrize("options", [{"feature_cache": "off"}, {"fine_tune": "last_block"}, {"fine_tune": "all"}])
def test_without_a_frozen_backbone_or_by_request_there_are_no_features(
    job_folder: JobFolder, options: dict[str, object]
) -> None:
    assert make(job_folder, **options) is None


def test_what_does_not_fit_is_not_cached_and_a_sentence_says_so(
    job_folder: JobFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(job_folder, feature_cache="on", feature_cache_mib=0) is None
    assert "or feature_cache_mib=0 has no room for." in capsys.readouterr().out


def test_a_folder_that_cannot_be_is_no_failure(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (job_folder.base_dir / "file").write_text("in the way")
    blocked = job_folder.base_dir / "file" / "features"
    monkeypatch.setattr(JobFolder, "environ", {**job_folder.environ, "CLASSIFIER_FEATURES_DIR": str(blocked)})
    assert make(job_folder, feature_cache="on") is None
    assert f"Features are not cached: {blocked} cannot be written (" in capsys.readouterr().out


def test_all_processes_train_on_images_where_one_has_no_room(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def one_has_none(self: Group, value: int) -> int:
        told.append(value)
        return 1

    monkeypatch.setattr(Group, "max", one_has_none)
    assert make(job_folder, feature_cache="on") is None
    assert told == [0]  # this one has


def test_the_log_says_how_much_is_there(job_folder: JobFolder, capsys: pytest.CaptureFixture[str]) -> None:
    features = make(job_folder)
    where = f"views are there, in {job_folder.checkpoint_dir / 'features'}."
    assert f"Training the head on features: 0 of 6 {where}" in capsys.readouterr().out
    prepare_all(features)
    make(job_folder)
    assert f"Training the head on features: 6 of 6 {where}" in capsys.readouterr().out


def use_as_channel(folder: JobFolder) -> Path:
    """The job's features become its channel `features`, and its own folder is empty."""
    return folder.settings().features_dir.rename(folder.data_dir / "features")


def test_features_in_the_channel_take_no_room(job_folder: JobFolder) -> None:
    prepare_all(make(job_folder))
    use_as_channel(job_folder)
    features = make(job_folder, feature_cache_mib=0)
    prepare_all(features)
    assert list(job_folder.settings().features_dir.glob("*" + SUFFIX)) == []


def test_a_channel_of_other_features_is_told(job_folder: JobFolder, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_all(make(job_folder))
    use_as_channel(job_folder)
    capsys.readouterr()
    make(job_folder)
    assert "The channel 'features' has none of them" not in capsys.readouterr().out
    make(job_folder, image_size=64)
    assert "The channel 'features' has none of them: its features are of other images" in capsys.readouterr().out


def test_a_view_sampler_takes_every_example_once_in_batches_of_all_classes() -> None:
    batches = list(ViewSampler(10, 4, view=2))
    assert batches == [[(2, 0), (2, 3), (2, 6), (2, 9)], [(2, 1), (2, 4), (2, 7)], [(2, 2), (2, 5), (2, 8)]]
    assert len(ViewSampler(10, 4, view=0)) == 3
    assert list(ViewSampler(3, 4, view=0)) == [[(0, 0), (0, 1), (0, 2)]]


@pytest.mark.parametrize("rank", [0, 1])
def test_loaders_of_features_go_by_the_order_that_loaders_of_images_have(job_folder: JobFolder, rank: int) -> None:
    group = Group(rank, rank, 2, torch.device("cpu"))
    features = make(job_folder, batch_size=8)
    prepare_all(features)
    assert features is not None
    features.group = group
    settings, splits = job_folder.settings(), load_splits(job_folder.settings(), ALONE, lambda: None)
    sampler = make_sampler(settings, group, splits["train"], views=4)
    loaders = feature_loaders(features, splits, sampler, batch_size=4)
    sampler.start_at(5)  # which shows view 1
    for batch, pairs in zip(loaders["train"], sampler, strict=True):
        assert batch.indices.tolist() == [index for _, index in pairs]
        assert torch.equal(batch.images, features.view("train", 1)[batch.indices].float())
    shard = ShardSampler(len(splits["valid"]), 4, rank=rank, world_size=2)
    assert [batch.indices.tolist() for batch in loaders["valid"]] == [[index for _, index in part] for part in shard]
    assert all(torch.equal(batch.labels, batch.indices // 2) for batch in loaders["valid"])
