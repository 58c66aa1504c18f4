import pytest
import torch

from container.errors import ArtifactError, RequestError
from container.serving.multi_model.load_failure import as_request_error, is_out_of_memory


def told(error: Exception) -> tuple[int, str, str]:
    answer = as_request_error("a", error)
    return answer.status, answer.code, str(answer)


def test_a_broken_artifact_is_400_with_its_sentence():
    assert told(ArtifactError("It is cut off.")) == (
        400,
        "broken_model",
        "The model 'a' cannot be loaded: It is cut off.",
    )


def test_of_pytorchs_errors_the_last_line_is_told_and_the_log_has_the_rest(caplog):
    status, code, message = told(RuntimeError("Traceback of TorchScript:\n  line\nRuntimeError: sizes do not match"))
    assert (status, code) == (400, "broken_model")
    assert message == "The model 'a' cannot be loaded: RuntimeError: sizes do not match"


def test_an_error_without_words_is_named_by_its_class():
    assert told(ValueError())[2].endswith(": ValueError")


def test_memory_that_runs_out_is_507():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60)
    assert told(raised.value)[:2] == (507, "memory_full")
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("sizes do not match"))


def test_a_refusal_keeps_its_code_and_loses_its_traceback():
    try:
        raise RequestError(429, "model_busy", "The model is busy.")
    except RequestError as error:
        answer = as_request_error("a", error)
    assert (answer.status, answer.code, answer.__traceback__, answer.__context__) == (429, "model_busy", None, None)
