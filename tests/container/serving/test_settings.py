from dataclasses import fields
from pathlib import Path

import pytest

from container.data.decode import MAX_IMAGE_PIXELS
from container.errors import SettingsError
from container.model.precision import WANTED
from container.serving.settings import ServeSettings


def read(cores: int = 2, **environ: str) -> ServeSettings:
    return ServeSettings.from_environment(environ, cores)


def test_without_variables_the_defaults_fit_sagemaker():
    settings = read()
    assert (settings.host, settings.port) == ("0.0.0.0", 8080)
    assert settings.model_dir == Path("/opt/ml/model")
    assert settings.max_body_bytes >= 25_000_000
    assert settings.graceful_seconds < 30
    assert settings.top_k == 5


def test_variables_of_others_are_left_alone():
    assert read(PATH="/bin", SAGEMAKER_BATCH="true", serve_workers="9") == read()


def test_a_variable_sets_its_setting():
    settings = read(SERVE_TOP_K="3", SERVE_LOG_LEVEL="debug", SERVE_MAX_IMAGE_PIXELS="1000")
    assert (settings.top_k, settings.log_level, settings.max_image_pixels) == (3, "debug", 1000)


def test_an_unknown_variable_is_refused_with_the_nearest_valid_name():
    with pytest.raises(SettingsError, match=r"SERVE_WORKER\b.*SERVE_WORKERS"):
        read(SERVE_WORKER="2")


def test_the_model_folder_is_no_variable_of_its_own():
    with pytest.raises(SettingsError, match="SERVE_MODEL_DIR"):
        read(SERVE_MODEL_DIR="/elsewhere")


@pytest.mark.parametrize(
    ("name", "text"), [("THREADS", "many"), ("PORT", "70000"), ("TOP_K", "0"), ("LOG_LEVEL", "loud"), ("WORKERS", "")]
)
def test_a_bad_value_is_refused_by_name_and_value(name, text):
    with pytest.raises(SettingsError, match=f"{name.lower()} is {text!r}"):
        read(**{f"SERVE_{name}": text})


def test_sagemakers_port_wins():
    assert read(SERVE_PORT="9000").port == 9000
    assert read(SERVE_PORT="9000", SAGEMAKER_BIND_TO_PORT="9001").port == 9001
    with pytest.raises(SettingsError, match="SAGEMAKER_BIND_TO_PORT"):
        read(SAGEMAKER_BIND_TO_PORT="all")


def test_the_model_folder_follows_the_base_folder():
    assert read(SAGEMAKER_BASE_DIR="/data/ml").model_dir == Path("/data/ml/model")


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 5, 8, 16, 48, 96])
@pytest.mark.parametrize("chosen", [{}, {"SERVE_TORCH_THREADS": "2"}, {"SERVE_WORKERS": "1"}])
def test_cores_are_shared_out_and_never_oversubscribed(cores, chosen):
    settings = read(cores, **chosen)
    busy = settings.workers * settings.inferences * settings.torch_threads
    assert busy <= max(cores, settings.torch_threads)
    assert busy > cores / 2 or "SERVE_TORCH_THREADS" in chosen
    assert settings.threads > settings.inferences
    assert settings.lone_threads <= settings.inferences * settings.torch_threads
    assert settings.workers * settings.decodes <= max(cores, settings.workers)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_in_little_memory_there_are_fewer_processes_unless_they_are_asked_for(device):
    def workers(memory: float, **environ: str) -> int:
        return ServeSettings.from_environment(environ, 16, device, memory).workers

    assert [workers(gib * 2**30) for gib in (0.5, 1, 2, 64)] == [1, 1, 2, 4 if device == "cpu" else 8]
    assert workers(2**30, SERVE_WORKERS="3") == 3


def test_four_cores_have_two_processes_and_three_have_one():
    assert [read(cores).workers for cores in (1, 2, 3, 4, 8, 9, 16)] == [1, 1, 1, 2, 2, 3, 4]


def test_numbers_that_are_given_are_kept():
    settings = read(
        8,
        SERVE_WORKERS="3",
        SERVE_INFERENCES="5",
        SERVE_TORCH_THREADS="2",
        SERVE_LONE_THREADS="9",
        SERVE_DECODES="4",
        SERVE_BATCH_SIZE="6",
        SERVE_THREADS="7",
    )
    assert (settings.workers, settings.inferences, settings.torch_threads, settings.threads) == (3, 5, 2, 7)
    assert (settings.lone_threads, settings.decodes, settings.batch_size) == (9, 4, 6)


def test_on_a_gpu_every_two_cores_have_a_process_with_large_batches_in_two_streams():
    settings = ServeSettings.from_environment({}, cores=16, device="cuda")
    assert (settings.workers, settings.inferences, settings.batch_size, settings.decodes) == (8, 2, 64, 2)
    for cores, workers in ((1, 1), (4, 2), (96, 8)):
        assert ServeSettings.from_environment({}, cores=cores, device="cuda").workers == workers


def test_the_precisions_are_those_that_a_model_can_be_exported_in():
    rule = next(item.metadata["rule"] for item in fields(ServeSettings) if item.name == "precision")
    assert rule.choices == WANTED


def test_the_pixel_limit_is_that_of_the_decoder():
    assert ServeSettings().max_image_pixels == MAX_IMAGE_PIXELS


def test_one_body_as_large_as_allowed_can_always_be_held():
    assert ServeSettings(max_held_mib=1, max_body_bytes=10**9).max_held_bytes == 10**9
    assert ServeSettings(max_held_mib=2, max_body_bytes=10).max_held_bytes == 2 * 2**20


def test_a_multi_model_endpoint_has_one_process_with_all_cores():
    settings = read(8, SAGEMAKER_MULTI_MODEL="true", SAGEMAKER_BASE_DIR="/data/ml")
    assert (settings.multi_model, settings.workers, settings.inferences) == (True, 1, 8)
    assert settings.models_dir == Path("/data/ml/models")
    assert not read(8).multi_model
    assert read(8, SAGEMAKER_MULTI_MODEL="false") == read(8)


@pytest.mark.parametrize(("name", "text"), [("WORKERS", "2"), ("MAX_WORKER_MIB", "500")])
def test_what_a_multi_model_endpoint_cannot_have_is_refused(name, text):
    with pytest.raises(SettingsError, match=f"{name.lower()} is {text}.*one process holds all.*SERVE_{name} out"):
        read(SAGEMAKER_MULTI_MODEL="true", **{f"SERVE_{name}": text})
    assert read(SAGEMAKER_MULTI_MODEL="true", SERVE_WORKERS="1").workers == 1


@pytest.mark.parametrize(("megabytes", "expected"), [("40", 40), ("6", 25), ("0", 25), ("many", 25)])
def test_a_transform_jobs_payload_is_taken_where_it_is_larger(megabytes, expected):
    settings = ServeSettings.from_environment({"SAGEMAKER_MAX_PAYLOAD_IN_MB": megabytes}, cores=2)
    assert settings.max_body_bytes == expected * 2**20


def test_a_largest_body_that_was_set_wins_over_a_transform_jobs_payload():
    environ = {"SAGEMAKER_MAX_PAYLOAD_IN_MB": "40", "SERVE_MAX_BODY_BYTES": "1000"}
    assert ServeSettings.from_environment(environ, cores=2).max_body_bytes == 1000
