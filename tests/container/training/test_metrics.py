import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from container.training.metrics import Tally

LABELS = torch.tensor([0, 0, 1, 1, 1, 2])
PREDICTED = torch.tensor([0, 1, 1, 1, 2, 2])


def logits_for(predicted: Tensor, num_classes: int = 3) -> Tensor:
    return F.one_hot(predicted, num_classes).float() * 4


def tally_of(predicted: Tensor = PREDICTED, labels: Tensor = LABELS, num_classes: int = 3) -> Tally:
    tally = Tally.empty(num_classes)
    tally.add(6.0, len(labels), logits_for(predicted, num_classes), labels)
    return tally


def test_the_confusion_matrix_counts_true_by_predicted() -> None:
    assert tally_of().confusion.tolist() == [[1, 1, 0], [0, 2, 1], [0, 0, 1]]


def test_accuracy_and_loss_are_shares_of_what_was_counted() -> None:
    tally = tally_of()
    assert tally.num_examples == 6
    assert tally.accuracy == pytest.approx(4 / 6)
    assert tally.loss == 1.0


def test_the_loss_is_a_weighted_mean() -> None:
    tally = Tally.empty(3)
    tally.add(3.0, 1.5, logits_for(PREDICTED[:2]), LABELS[:2])
    tally.add(1.0, 0.5, logits_for(PREDICTED[2:3]), LABELS[2:3])
    assert tally.loss == 2.0


def test_the_top_five_count_as_hits() -> None:
    logits = torch.tensor([[9.0, 8, 7, 6, 5, 4, 3], [9.0, 8, 7, 6, 5, 4, 3]])
    tally = Tally.empty(7)
    tally.add(0.0, 2, logits, torch.tensor([4, 5]))  # the fifth and the sixth most likely
    assert tally.top_k_accuracy == 0.5
    assert tally.accuracy == 0.0


def test_with_fewer_than_five_classes_every_label_is_among_the_top_five() -> None:
    assert tally_of().top_k_accuracy == 1.0


def test_each_class_has_its_precision_recall_and_f1() -> None:
    first, second, third = tally_of().per_class()
    assert first == pytest.approx({"support": 2, "precision": 1.0, "recall": 0.5, "f1": 2 / 3})
    assert second == pytest.approx({"support": 3, "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3})
    assert third == pytest.approx({"support": 1, "precision": 0.5, "recall": 1.0, "f1": 2 / 3})


def test_a_class_that_never_occurs_scores_nothing() -> None:
    rows = tally_of(torch.tensor([0]), torch.tensor([1])).per_class()
    assert rows[2] == {"support": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_nothing_counted_gives_no_division_by_zero() -> None:
    assert Tally.empty(3).summary() == {"loss": 0.0, "accuracy": 0.0, "top5_accuracy": 0.0}


def test_a_tally_comes_back_from_its_tensor() -> None:
    tally = tally_of()
    again = Tally.from_tensor(tally.to_tensor())
    assert torch.equal(again.to_tensor(), tally.to_tensor())
    assert again.summary() == tally.summary()


def test_tallies_of_parts_add_up_to_the_tally_of_all() -> None:
    parts = [tally_of(PREDICTED[part], LABELS[part]) for part in (slice(0, 2), slice(2, 6))]
    assert torch.equal(sum(part.confusion for part in parts), tally_of().confusion)  # type: ignore[arg-type]
