"""The job's channels -> its train, valid and test data, read once and agreed on by every process."""

import os
from collections.abc import Callable
from pathlib import Path

from container import contract
from container.cores import available_cores
from container.data.channels import Channel, read_channel, split_channel, split_roots
from container.data.readable_files import ReadableFiles
from container.errors import ChannelError
from container.settings import TrainSettings
from container.stop import Stopped
from container.training.distributed import Group


def load_splits(settings: TrainSettings, group: Group, stop: Callable[[], None]) -> dict[str, Channel]:
    """Channel per split: `train` and `valid` always, `test` where the job has one.

    The main process reads and checks them for all, the others only see that their host holds the same files.
    Raises ChannelError or Stopped in every process alike.
    """

    def read(give_sign: Callable[[], None]) -> dict[str, Channel] | ChannelError | Stopped:
        def check() -> None:
            stop()
            give_sign()

        try:
            return _read_splits(settings, check)
        except (ChannelError, Stopped) as error:
            return error

    outcome = group.made_by_main(read)
    if isinstance(outcome, ChannelError | Stopped):
        raise outcome
    if settings.hosts.index(settings.current_host) > 0:
        _check_same_files(outcome)
    return outcome


def _read_splits(settings: TrainSettings, stop: Callable[[], None]) -> dict[str, Channel]:
    hyperparameters = settings.hyperparameters
    _refuse_files(settings.base_dir / "input" / "data")
    train_root = settings.channel(contract.TRAIN_CHANNELS)
    if train_root is None:
        found = ", ".join(settings.channels) or "none"
        raise ChannelError(f"There is no channel named 'train' (channels found: {found}); give the job one.")
    valid_root, test_root = settings.channel(contract.VALID_CHANNELS), settings.channel(contract.TEST_CHANNELS)
    roots = split_roots(train_root, valid_root, test_root)
    readable = ReadableFiles(settings.features_dir, settings.channel(contract.FEATURES_CHANNELS))
    splits: dict[str, Channel] = {}
    for name, root in roots.items():
        splits[name] = read_channel(
            name,
            root,
            max_corrupt_share=hyperparameters.max_corrupt_share,
            class_names=splits["train"].class_names if splits else None,
            workers=available_cores() if available_cores() > 1 else 0,
            stop=stop,
            readable=readable,
        )
        _describe(splits[name])
    if "valid" not in splits:
        splits["train"], splits["valid"] = split_channel(splits["train"], hyperparameters.valid_share)
        print(
            f"No valid channel: {len(splits['valid'])} images, {hyperparameters.valid_share:.0%} of each class, "
            "were split from train by the hash of their path.",
            flush=True,
        )
    return splits


def _refuse_files(data_dir: Path) -> None:
    """A channel that is no folder would count as one that is not there."""
    for name in (*contract.TRAIN_CHANNELS, *contract.VALID_CHANNELS, *contract.TEST_CHANNELS):
        path = data_dir / name
        if os.path.lexists(path) and not path.is_dir():
            what = "a link to nothing" if path.is_symlink() and not path.exists() else "a file"
            raise ChannelError(
                f"Channel {name!r} ({path}) is {what}; it must be a folder that holds one folder of images per label."
            )


def _describe(channel: Channel) -> None:
    print(f"Channel {channel.name}: {len(channel)} images of {len(channel.class_names)} classes.", flush=True)
    for path, reason in channel.unreadable:
        print(f"Skipped {path}: {reason}", flush=True)
    empty = [name for name, count in channel.counts().items() if count == 0]
    if empty:
        print(f"Channel {channel.name} has no readable image of: {', '.join(empty)}.", flush=True)


def _check_same_files(splits: dict[str, Channel]) -> None:
    missing: list[Path] = [path for channel in splits.values() for path in channel.files if not _is_file(path)]
    if missing:
        raise ChannelError(
            f"This host lacks {len(missing)} of the first host's images, such as {missing[0]}; "
            "give every channel the distribution FullyReplicated."
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be entered
        return False
