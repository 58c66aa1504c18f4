"""The hyperparameters of a training job: name, type, range, default and help, in one place."""

from dataclasses import dataclass
from typing import Any

from container import contract
from container.schema import parse, setting


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    num_epochs: int = setting(5, "passes over the train channel", minimum=1, maximum=10_000)
    batch_size: int = setting(
        64, "images per optimizer step, over all hosts and devices together", minimum=1, maximum=65_536
    )
    learning_rate: float = setting(0.001, "peak learning rate", minimum=1e-8, maximum=10)
    optimizer: str = setting("adam", "sgd uses Nesterov momentum 0.9", choices=("adam", "adamw", "sgd"))
    weight_decay: float = setting(0.0, "L2 penalty; decoupled with adamw", minimum=0, maximum=1)
    label_smoothing: float = setting(
        0.0, "share of each label's weight spread over all classes", minimum=0, maximum=0.9
    )
    lr_schedule: str = setting("cosine", "how the learning rate falls after warm-up", choices=("constant", "cosine"))
    warmup_epochs: float = setting(0.0, "epochs of linear rise to the learning rate", minimum=0, maximum=100)
    backbone: str = setting("resnet18", "name of any torchvision classifier, or of one of own_backbones/catalogue.py")
    head: str = setting(
        "seed",
        "seed: Linear, Dropout(0.5), BatchNorm1d, as in the original project; linear: one Linear",
        choices=("seed", "linear"),
    )
    pretrained: str = setting(
        "imagenet", "imagenet (the `pretrained` channel where there is one, else a download), none, or a file's path"
    )
    fine_tune: str = setting(
        "head",
        "what is trained: the head, the last block of the backbone too, or all",
        choices=("head", "last_block", "all"),
    )
    image_size: int = setting(224, "side of the network's input, in pixels", minimum=32, maximum=1024)
    augment: str = setting(
        "basic",
        "basic: random crop and flip; strong: wider crops, colour and rotation too",
        choices=("none", "basic", "strong"),
    )
    feature_cache: str = setting(
        "auto",
        "with fine_tune=head, compute the backbone's features once and train on those; auto: where that saves work, "
        "on: also where only other jobs can use them, off: never",
        choices=("auto", "on", "off"),
    )
    cached_views: int = setting(
        4,
        "augmented views of each image that fine_tune=head trains on, one an epoch and then again from the first; "
        "with feature_cache=off every epoch shows a new one",
        minimum=1,
        maximum=10_000,
    )
    feature_cache_mib: int = setting(
        4096,
        "most that cached features may take on the disk; what does not fit is not cached",
        minimum=0,
        maximum=2**30,
    )
    mixed_precision: str = setting(
        "auto", "auto: bf16 on GPUs that have it, else no; fp16 needs a GPU", choices=("auto", "no", "bf16", "fp16")
    )
    accumulation_steps: int = setting(
        1, "slices of the batch that are run one after the other, to save memory", minimum=1, maximum=1024
    )
    early_stopping_patience: int = setting(
        0, "epochs without a better validation loss before training stops; 0: never", minimum=0, maximum=10_000
    )
    class_weights: str = setting("none", "balanced: weight classes by inverse frequency", choices=("none", "balanced"))
    valid_share: float = setting(
        0.1,
        "share of each class's train images used for validation if there is no valid channel",
        minimum=0.01,
        maximum=0.5,
    )
    max_corrupt_share: float = setting(
        0.01, "share of a channel's files that may be unreadable and are skipped", minimum=0, maximum=1
    )
    precisions: str = setting(
        "auto",
        "auto: export the model in bf16 and int8 too, each only if it is faster than fp32 here and its top-1 on the "
        "valid channel falls by 0.5 points at most, and not in a tuning job's trials; fp32: model.pt alone",
        choices=("auto", "fp32"),
    )
    calibrate: bool = setting(
        True,
        "divide the exported model's logits by a temperature that is fitted on the valid channel, so that its "
        "probabilities are as high as its answers are often right; labels stay, and a tuning job's trials do without",
    )
    checkpoint_seconds: int = setting(
        300, "seconds between checkpoints inside an epoch; every epoch ends with one", minimum=1, maximum=86_400
    )
    debugger: bool = setting(
        True, "save tensors, judge them by rules, profile the job, and write a report; false: none of it"
    )
    rules: str = setting(
        "default",
        "rules that judge the job: default, all, none, names with commas between them, or a JSON object of names with "
        "their parameters; the parameter on_issue=stop ends the job",
    )
    seed: int = setting(0, "seed of every random choice", minimum=0, maximum=2**31 - 1)
    workers: int = setting(
        -1, "processes that decode images, per device; -1: one per core left over", minimum=-1, maximum=256
    )

    @classmethod
    def from_text(cls, given: dict[str, Any]) -> "Hyperparameters":
        """From hyperparameters.json, in which every value is text; what SageMaker itself adds is left out."""
        own = {name: raw for name, raw in given.items() if not name.startswith(contract.RESERVED_PREFIXES)}
        return parse(cls, own, contract.HYPERPARAMETERS_FILE)
