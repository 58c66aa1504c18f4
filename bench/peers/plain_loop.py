"""The peer of training: a plain PyTorch loop as tutorials write it. Nothing of this project is in it.

    python -m bench.peers.plain_loop DATA head|all WEIGHTS

Trains one epoch for each line on its standard input; after each it prints `Images per second: N`, of the training
part alone, and `Accuracy: N` on the valid images, then `done`.
The optimizer, batch size, views of the images and network are those of bench/our_loop.py. DataLoader has one process
per core, torch its own number of threads, and both start anew in every epoch, as they do by default.
Source: PyTorch's tutorial "Transfer Learning for Computer Vision"; `head` fixes the backbone as there.
"""

import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

BATCH_SIZE = 32
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
NORMALIZE = [transforms.ToTensor(), transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
VIEWS = {
    "train": transforms.Compose(
        [transforms.RandomResizedCrop(224, scale=(0.35, 1.0)), transforms.RandomHorizontalFlip(), *NORMALIZE]
    ),
    "valid": transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), *NORMALIZE]),
}


def main(data: Path, trained: str, weights: Path) -> None:
    splits = {name: datasets.ImageFolder(str(data / name), view) for name, view in VIEWS.items()}
    loaders = {
        name: DataLoader(split, batch_size=BATCH_SIZE, shuffle=name == "train", num_workers=torch.get_num_threads())
        for name, split in splits.items()
    }
    model = models.resnet18(weights=None, num_classes=len(splits["train"].classes))
    model.load_state_dict(torch.load(weights, weights_only=True))
    if trained == "head":
        for parameter in model.parameters():
            parameter.requires_grad = False
    model.fc = nn.Linear(model.fc.in_features, model.fc.out_features)
    model.to(DEVICE)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.001)
    criterion = nn.CrossEntropyLoss()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(f"Images per second: {train_one_epoch(model, loaders['train'], optimizer, criterion):.6f}", flush=True)
        print(f"Accuracy: {evaluate(model, loaders['valid']):.6f}\ndone", flush=True)


def train_one_epoch(
    model: nn.Module, loader: DataLoader[Any], optimizer: torch.optim.Optimizer, criterion: nn.Module
) -> float:
    """Images per second of one pass."""
    started = time.perf_counter()
    model.train()
    num_images = 0
    running_loss = 0.0
    for images, labels in loader:
        images, labels = images.to(DEVICE), labels.to(DEVICE)
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item() * len(images)
        num_images += len(images)
    return num_images / (time.perf_counter() - started)


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader[Any]) -> float:
    """Share of the valid images that are named rightly."""
    model.eval()
    hits = num_images = 0
    for images, labels in loader:
        images, labels = images.to(DEVICE), labels.to(DEVICE)
        hits += int((model(images).argmax(1) == labels).sum())
        num_images += len(images)
    return hits / num_images


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
