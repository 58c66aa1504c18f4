"""Many threads at the store: loads held up by a gate, so that nothing depends on how fast they are."""

import gc
import weakref

import pytest

from container.serving.multi_model import load_failure
from container.serving.multi_model import store as store_module
from tests.container.serving.multi_model.conftest import GOOD, PATIENCE, error_code


def test_while_a_model_is_being_loaded_others_answer_load_and_go(many, red_jpeg, background):
    many.load("a")
    many.gate.opened.clear()
    slow = background(many.load, "b")
    many.gate.wait_for(2)
    assert many.invoke("a", red_jpeg)[0] == 200
    assert many.client.get("/ping").status_code == 200
    assert many.client.get("/models/b").status_code == 404
    assert many.unload("a") == 200
    assert not slow.done()
    many.gate.opened.set()
    assert slow.result(PATIENCE)[0] == 200
    assert many.names() == ["b"]


def test_of_loads_of_one_name_one_loads_and_the_others_wait_and_get_409(many, background):
    many.gate.opened.clear()
    loads = [background(many.load, "a") for _ in range(4)]
    many.gate.wait_for(1)
    assert not any(load.done() for load in loads)
    many.gate.opened.set()
    answers = [load.result(PATIENCE) for load in loads]
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409]
    assert many.gate.arrived == ["a"]


def test_loads_of_one_name_that_fails_all_get_its_reason(many, background):
    many.gate.opened.clear()
    loads = [background(many.load, "text") for _ in range(3)]
    many.gate.wait_for(1)
    many.gate.opened.set()
    statuses = {load.result(PATIENCE)[0] for load in loads}
    assert statuses == {400}
    assert set(many.gate.arrived) == {"text"}


def test_no_more_models_are_loaded_at_a_time_than_there_are_places(make_many, background):
    many = make_many(loads=2)
    many.gate.opened.clear()
    loads = [background(many.load, name) for name in GOOD]
    many.gate.wait_for(2)
    assert len(many.gate.arrived) == 2
    many.gate.opened.set()
    assert [load.result(PATIENCE)[0] for load in loads] == [200] * 4
    assert many.names() == sorted(GOOD)


def test_loads_leave_threads_for_invocations(make_many, red_jpeg, background):
    many = make_many(threads=4)
    many.load("a")
    many.gate.opened.clear()
    waiting = [background(many.load, name) for name in ("b", "c")]
    many.gate.wait_for(3)
    status, answer = many.load("d")
    assert (status, error_code(answer)) == (429, "overloaded")
    assert many.invoke("a", red_jpeg)[0] == 200
    many.gate.opened.set()
    assert [load.result(PATIENCE)[0] for load in waiting] == [200, 200]


def test_a_load_that_does_not_end_is_told_and_may_end_later(make_many, monkeypatch):
    monkeypatch.setattr(store_module, "LOAD_SECONDS", 0.05)
    many = make_many()
    many.gate.opened.clear()
    status, answer = many.load("a")
    assert (status, error_code(answer)) == (503, "load_too_slow")
    many.gate.opened.set()
    monkeypatch.setattr(store_module, "LOAD_SECONDS", PATIENCE)
    assert many.load("a")[0] == 409


def test_a_model_goes_once_it_has_answered_its_requests(many, background):
    many.load("a")
    with many.store.use("a") as model:
        unload = background(many.unload, "a")
        while many.names():
            pass
        assert many.client.get("/models/a").status_code == 404  # nobody new comes to it
        assert not unload.done()
        assert model.predictor.class_names[0] == "a-red"
        assert many.load("a")[0] == 200  # the name is free meanwhile
    assert unload.result(PATIENCE) == 200
    assert many.names() == ["a"]


def test_a_request_that_takes_too_long_keeps_its_model_and_does_not_hold_up_the_unload(many, monkeypatch):
    monkeypatch.setattr(store_module, "UNLOAD_SECONDS", 0.05)
    many.load("a")
    with many.store.use("a") as model:
        assert many.unload("a") == 200
        assert model.predictor.class_names[0] == "a-red"


@pytest.mark.parametrize("name", ["a", "raises"])
def test_nothing_is_left_of_a_model_that_is_unloaded_or_was_never_loaded(many, red_jpeg, monkeypatch, name):
    monkeypatch.setattr(load_failure, "log_event", lambda *_, **__: None)  # pytest keeps tracebacks that are logged
    loaded = []

    def load_predictor(folder):
        predictor = many._load_predictor(folder)
        loaded.append(weakref.ref(predictor._artifact))
        return predictor

    monkeypatch.setattr(many.store, "_load_predictor", load_predictor)
    if many.load(name)[0] == 200:
        assert many.invoke(name, red_jpeg)[0] == 200
        assert loaded[0]() is not None
        assert many.unload(name) == 200
    gc.collect()
    assert [reference() for reference in loaded] == [None]


# Memory: in these tests each model takes 40 MiB, and needs up to 49 while it is loaded.


def test_a_model_that_does_not_fit_is_507_until_another_has_gone(make_many):
    many = make_many(max_models_mib=100)
    many.model_mib = 40
    assert [many.load(name)[0] for name in "ab"] == [200, 200]
    status, answer = many.load("c")
    assert (status, error_code(answer)) == (507, "memory_full")
    assert "has 80 of 100 MiB (models: 2)" in answer["error"]["message"]
    assert many.names() == ["a", "b"]
    many.unload("a")
    assert many.load("c")[0] == 200


def test_loads_at_a_time_do_not_count_on_the_same_room(make_many, background):
    many = make_many(max_models_mib=60)
    many.load("a")
    many.unload("a")
    arrived = len(many.gate.arrived)
    many.gate.opened.clear()
    first = background(many.load, "a")
    many.gate.wait_for(arrived + 1)
    assert many.load("b")[0] == 507
    many.gate.opened.set()
    assert first.result(PATIENCE)[0] == 200


def test_what_comes_with_the_first_model_and_stays_is_not_counted_as_its_own(make_many):
    many = make_many(max_models_mib=100)
    assert many.load("a")[0] == 200
    assert many.gate.arrived == ["a", "a"]  # the first of them to see what stays without it
    many.unload("a")
    assert [many.load(name)[0] for name in "bc"] == [200, 200]
    assert many.gate.arrived == ["a", "a", "b", "c"]


def test_the_number_of_models_has_a_bound_of_its_own(make_many):
    many = make_many(max_models=2)
    assert [many.load(name)[0] for name in "abc"] == [200, 200, 507]


def test_a_load_that_fails_gives_its_room_back(make_many):
    many = make_many(max_models_mib=60, max_models=1)
    assert [many.load(name)[0] for name in ("text", "raises", "a")] == [400, 400, 200]


def test_with_eviction_the_model_whose_last_use_is_longest_ago_goes(make_many, red_jpeg):
    many = make_many(max_models=3, full_memory="evict")
    for name in "abc":
        many.load(name)
    many.invoke("a", red_jpeg)
    assert many.load("d")[0] == 200
    assert many.names() == ["a", "c", "d"]
    many.invoke("c", red_jpeg)
    many.load("b")
    assert many.names() == ["b", "c", "d"]


def test_with_eviction_as_many_go_as_memory_needs(make_many):
    many = make_many(max_models_mib=100, full_memory="evict")
    many.model_mib = 25
    assert [many.load(name)[0] for name in "abc"] == [200] * 3
    many.model_mib = 30
    assert many.load("d")[0] == 200
    assert many.names() == ["c", "d"]


def test_a_model_in_use_is_not_evicted(make_many):
    many = make_many(max_models=1, full_memory="evict")
    many.load("a")
    with many.store.use("a"):
        assert many.load("b")[0] == 507
    assert many.load("b")[0] == 200
    assert many.names() == ["b"]


def test_no_model_goes_for_one_that_can_never_fit(make_many):
    many = make_many(max_models_mib=40, full_memory="evict")
    many.store._budget._models_mib = 100
    many.load("a")
    many.store._budget._models_mib = 40
    assert many.load("b")[0] == 507
    assert many.names() == ["a"]
