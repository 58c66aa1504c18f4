from container.serving.multi_model.memory_budget import MIB, MemoryBudget


class Process:
    """A process with so many MiB in use, in a container with 1000."""

    def __init__(self, in_use: int) -> None:
        self.in_use = in_use

    def budget(self, models_mib: int) -> MemoryBudget:
        budget = MemoryBudget(models_mib, lambda: self.in_use * MIB, lambda: 1000 * MIB)
        budget.note_empty()
        return budget


def test_by_default_the_whole_process_may_take_four_fifths_of_the_container():
    process = Process(300)
    budget = process.budget(0)
    assert budget.has_room(500 * MIB)
    assert not budget.has_room(501 * MIB)
    process.in_use = 700
    assert budget.has_room(100 * MIB)
    assert not budget.has_room(101 * MIB)
    assert budget.describe() == {"used_mib": 400, "limit_mib": 500}


def test_a_bound_that_is_given_is_for_the_models_alone():
    process = Process(300)
    budget = process.budget(200)
    assert budget.has_room(200 * MIB)
    assert not budget.has_room(201 * MIB)
    process.in_use = 450
    assert budget.has_room(50 * MIB)
    assert not budget.has_room(51 * MIB)
    assert budget.describe() == {"used_mib": 150, "limit_mib": 200}


def test_what_would_not_fit_without_any_model_is_told_from_what_does_not_fit_now():
    process = Process(300)
    budget = process.budget(200)
    process.in_use = 500
    assert budget.allows(200 * MIB)
    assert not budget.allows(201 * MIB)
