import pytest
import torch
from torch import Tensor, nn

from container.model.backbone import make_backbone
from container.model.network import Network, OnFeatures

NUM_CLASSES = 3


def make_network(fine_tune: str, head: str = "seed", name: str = "resnet18") -> Network:
    torch.manual_seed(0)
    backbone, num_features = make_backbone(name, 32, "none")
    return Network(backbone, num_features, NUM_CLASSES, head, fine_tune)


def train(network: nn.Module, steps: int = 2) -> None:
    optimizer = torch.optim.SGD([item for item in network.parameters() if item.requires_grad], 0.1)
    network.train()
    for step in range(steps):
        torch.manual_seed(step)
        loss = nn.functional.cross_entropy(network(torch.randn(4, 3, 32, 32)), torch.tensor([0, 1, 2, 0]))
        loss.backward()
        optimizer.step()


def copy_of_state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(before: dict[str, Tensor], module: nn.Module) -> set[str]:
    return {name for name, value in module.state_dict().items() if not torch.equal(before[name], value)}


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_a_frozen_backbone_never_changes_and_its_gradients_never_exist(name: str) -> None:
    network = make_network("head", name=name)
    before = copy_of_state(network.backbone)
    train(network)
    assert changed(before, network.backbone) == set()  # running statistics of batch normalisation included
    assert all(parameter.grad is None for parameter in network.backbone.parameters())
    assert all(parameter.grad is not None for parameter in network.head.parameters())


def test_a_frozen_backbone_stays_in_eval_mode_while_the_head_trains() -> None:
    network = make_network("head").train()
    assert not any(module.training for module in network.backbone.modules())
    assert all(module.training for module in network.head.modules())


def test_a_frozen_backbone_gives_training_and_evaluation_the_same_features() -> None:
    network, images = make_network("head"), torch.randn(4, 3, 32, 32)
    assert torch.equal(network.train().backbone(images), network.eval().backbone(images))


def test_a_frozen_backbone_runs_without_a_graph() -> None:
    network = make_network("head", head="linear")
    logits = network.train()(torch.randn(2, 3, 32, 32))
    graph, depth = logits.grad_fn, 0
    while graph is not None and graph.next_functions:
        graph, depth = graph.next_functions[0][0], depth + 1
    assert depth == 1  # the linear layer alone


def test_training_the_last_block_changes_only_it_and_the_head() -> None:
    network = make_network("last_block")
    before = copy_of_state(network)
    train(network)
    assert {".".join(name.split(".")[:2]) for name in changed(before, network)} == {
        "backbone.layer4",
        "head.0",
        "head.2",
    }
    frozen = [item for name, item in network.backbone.named_parameters() if not name.startswith("layer4")]
    assert all(parameter.grad is None for parameter in frozen)


def test_the_last_blocks_batch_normalisation_learns_its_statistics() -> None:
    network = make_network("last_block")
    before = copy_of_state(network.backbone)
    train(network)
    names = changed(before, network.backbone)
    assert "layer4.0.bn1.running_mean" in names
    assert "bn1.running_mean" not in names


def test_training_all_changes_all() -> None:
    network = make_network("all")
    before = copy_of_state(network)
    train(network)
    assert changed(before, network) == set(before)


@pytest.mark.parametrize("fine_tune", ["head", "last_block", "all"])
def test_eval_mode_reaches_every_module(fine_tune: str) -> None:
    network = make_network(fine_tune).train().eval()
    assert not any(module.training for module in network.modules())


@pytest.mark.parametrize("head", ["seed", "linear"])
def test_there_is_a_logit_per_class(head: str) -> None:
    assert make_network("head", head)(torch.randn(5, 3, 32, 32)).shape == (5, NUM_CLASSES)


@pytest.mark.parametrize("head", ["seed", "linear"])
def test_the_head_on_features_is_the_networks_own(head: str) -> None:
    network, images = make_network("head", head).eval(), torch.randn(5, 3, 32, 32)
    on_features = OnFeatures(network).eval()
    with torch.no_grad():
        features = network.backbone(images)
        assert torch.equal(on_features(features), network(images))
    before = copy_of_state(network)
    on_features.train()
    nn.functional.cross_entropy(on_features(features), torch.tensor([0, 1, 2, 0, 1])).backward()
    torch.optim.SGD(on_features.parameters(), 0.1).step()
    assert {name.split(".")[0] for name in changed(before, network)} == {"head"}
    assert not network.backbone.training


def test_the_heads_tensors_have_the_same_names_wherever_its_features_come_from() -> None:
    network = make_network("head")
    own = {name for name in network.state_dict() if name.startswith("head.")}
    assert set(OnFeatures(network).state_dict()) == own
    assert OnFeatures(network)._get_name() == network._get_name()
