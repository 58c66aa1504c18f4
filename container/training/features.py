"""The features that a job trains its head on: found in the cache, or computed once for all jobs that share it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from container.data.dataset import batches
from container.data.feature_cache import FeatureCache
from container.data.feature_file import FeatureKey, Features, round_features
from container.model.preprocess import Preprocess
from container.training.distributed import Group
from container.training.memory import is_out_of_memory

POLL_SECONDS = 0.1
Task = tuple[str, int]  # split, view
Check = Callable[[], None]  # may raise Stopped


@dataclass
class JobFeatures:
    """Views of the job's splits. `images(split, view)` is a loader of a whole split, in any order."""

    cache: FeatureCache
    keys: dict[Task, FeatureKey]  # in the order in which the job needs them
    images: Callable[[str, int], DataLoader]
    backbone: nn.Module
    preprocess: Preprocess
    precisions: dict[str, torch.dtype]  # of each split's forward passes; float32 means no autocast
    group: Group
    num_views: int  # of the train channel
    _open: dict[Task, Tensor] = field(default_factory=dict)
    _images_at_once: int = 0  # in a forward pass, once memory has run out; 0: as many as the loader gives

    def view(self, split: str, view: int) -> Tensor:
        """A view that `prepare` has made ready: (N, D), float16 or float32."""
        return self._open[split, view]

    def prepare(self, split: str, view: int, check: Check) -> None:
        """Return once the view is there: read, computed here, or by another job. `check` may raise meanwhile."""
        wanted, told = (split, view), False
        while wanted not in self._open:
            if self._find(wanted) or self._compute_if_free(wanted, check):
                continue
            # Another process computes it: this one may as well compute what comes next. Not where processes train
            # together: the others would wait for it in the middle of a step.
            if self.group.world_size == 1 and any(self._compute_if_free(task, check) for task in self._missing()):
                continue
            if not told:
                print(f"Waiting for the features of {split} that another process computes.", flush=True)
                told = True
            time.sleep(POLL_SECONDS)
            check()

    def _missing(self) -> Iterator[Task]:
        return (task for task, key in self.keys.items() if task not in self._open and not self.cache.has(key))

    def _find(self, task: Task) -> bool:
        found = self.cache.find(self.keys[task])
        if found is not None:
            self._open[task] = torch.from_numpy(found)
        return found is not None

    def _compute_if_free(self, task: Task, check: Check) -> bool:
        """Whether the view is open now; False if another process is at it."""
        with self.cache.lock(self.keys[task]) as is_mine:
            if is_mine and not self._find(task):  # it may have come since it was looked for
                self._keep(task, self._compute(task, check))
        return is_mine

    def _keep(self, task: Task, features: Features) -> None:
        """Open the view from its new file, so that it takes no memory of this process alone; without one as it is."""
        try:
            self.cache.write(self.keys[task], features, keep=self.keys.values())
        except OSError as error:
            print(f"The features of {task[0]} cannot be kept in {self.cache.folder} ({error}).", flush=True)
        if not self._find(task):
            self._open[task] = torch.from_numpy(features)

    def _compute(self, task: Task, check: Check) -> Features:
        """The view's features (N, D). They are held in memory until they are whole."""
        split, view = task
        loader, started = self.images(split, view), time.perf_counter()
        label = f"features of {split}" + (f", view {view + 1} of {self.num_views}" if split == "train" else "")
        features = np.empty((0, 0), np.float16)
        for part in tqdm(batches(loader), label, len(loader), disable=None, leave=False):
            rows = round_features(self._forward(part.images, self.precisions[split]))  # (n, D)
            if not features.size:
                features = np.empty((len(loader.dataset), rows.shape[1]), rows.dtype)  # type: ignore[arg-type]
            elif rows.dtype.itemsize > features.itemsize:
                features = features.astype(rows.dtype)
            features[part.indices.numpy()] = rows
            check()
        seconds = time.perf_counter() - started
        speed = len(features) / seconds
        print(f"Computed {label}: {len(features)} images in {seconds:.1f} s, {speed:.0f} images/s.", flush=True)
        if features.dtype != np.float16:
            print(f"float16 is too coarse for the features of {split}; they are kept as {features.dtype}.", flush=True)
        return features

    def _forward(self, images: Tensor, precision: torch.dtype) -> Features:
        """Features (n, D), float32, of images (n, 3, S, S), uint8; in smaller parts from where memory runs out on."""
        parts = images.split(self._images_at_once or len(images))
        try:
            return np.concatenate([self._forward_at_once(part, precision) for part in parts])
        except (RuntimeError, MemoryError) as error:
            fewer = len(parts[0]) // 2
            if fewer == 0 or not is_out_of_memory(error):
                raise
        # Out of the handler, which would hold on to all that the pass had in memory.
        print(f"Memory has no room for the features of {len(parts[0])} images at once: trying {fewer}.", flush=True)
        self._images_at_once = fewer
        return self._forward(images, precision)

    @torch.inference_mode()
    def _forward_at_once(self, images: Tensor, precision: torch.dtype) -> Features:
        device = self.group.device
        self.backbone.eval()
        with torch.autocast(device.type, precision, enabled=precision is not torch.float32):
            features = self.backbone(self.preprocess.normalize(images.to(device, non_blocking=True)))
        return features.float().cpu().numpy()
