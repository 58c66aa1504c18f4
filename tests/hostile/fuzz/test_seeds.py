from tests.hostile.case import Sent
from tests.hostile.fuzz.seeds import MAX_BYTES, TYPES, content_type, write_seeds
from tests.hostile.in_process import read


def test_seeds_are_small_cases_of_every_type_that_is_fuzzed(tmp_path):
    count = write_seeds(tmp_path, seed=4, count=600)
    contents = [path.read_bytes() for path in tmp_path.iterdir()]
    assert len(contents) == count > 200
    assert {content_type(content[0]) for content in contents} == set(TYPES)
    assert max(map(len, contents)) <= MAX_BYTES


def test_the_same_seed_writes_the_same_files(tmp_path):
    write_seeds(tmp_path / "a", seed=4, count=200)
    write_seeds(tmp_path / "b", seed=4, count=200)
    assert {path.name for path in (tmp_path / "a").iterdir()} == {path.name for path in (tmp_path / "b").iterdir()}


def test_what_the_fuzzer_calls_answers_with_a_status(tmp_path):
    write_seeds(tmp_path, seed=5, count=300)
    bodies = [path.read_bytes() for path in sorted(tmp_path.iterdir())[:100]]
    statuses = {read(Sent(content_type(body[0]), body[1:])) for body in bodies if body}
    assert statuses <= {200, 400, 413, 415, 422}
    assert {200, 400} <= statuses
