from local_test.reference import REFERENCE_PATH, reference


def test_the_committed_reference_is_that_of_the_schemas() -> None:
    assert REFERENCE_PATH.read_text() == reference(), "run: python -m local_test.reference"
