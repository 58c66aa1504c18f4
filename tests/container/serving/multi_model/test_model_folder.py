from pathlib import Path

import pytest

from container.errors import RequestError
from container.serving.multi_model.model_folder import MIB, find_folder, loading_bytes


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """A model in models/a/model, and beside the folder of models what nobody may reach."""
    for folder in ("models/a/model", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "model.pt").write_bytes(bytes(1000))
    return tmp_path / "models"


def refusal(url: str, models_dir: Path) -> tuple[int, str]:
    with pytest.raises(RequestError) as refused:
        find_folder(url, models_dir)
    assert str(refused.value).endswith(".")
    return refused.value.status, refused.value.code


def test_the_folder_that_a_url_names_is_found(models_dir):
    assert find_folder(f"{models_dir}/a/model", models_dir) == models_dir / "a/model"
    assert find_folder(f"{models_dir}/a/model/", models_dir) == models_dir / "a/model"


@pytest.mark.parametrize(
    "url",
    [
        "/etc",
        "{models}",
        "{models}/",
        "{models}/..",
        "{models}/../elsewhere",
        "{models}/a/model/../../../elsewhere",
        "{models}-other/a",
        "a/model",
        "",
        ".",
        "file://{models}/a/model",
        "{models}/a\0/model",
        "{models}/" + "x" * 300,
        "{models}/\ud800",
    ],
)
def test_what_is_not_below_the_folder_of_models_is_refused(models_dir, url):
    assert refusal(url.format(models=models_dir), models_dir) == (400, "invalid_model_url")


def test_a_link_that_leads_out_is_refused(models_dir):
    (models_dir / "link").symlink_to(models_dir.parent / "elsewhere")
    assert refusal(f"{models_dir}/link", models_dir) == (400, "invalid_model_url")


def test_a_file_that_is_a_link_that_leads_out_is_refused(models_dir):
    (models_dir / "a/model/model-int8.pt").symlink_to(models_dir.parent / "elsewhere/model.pt")
    assert refusal(f"{models_dir}/a/model", models_dir) == (400, "invalid_model_url")


def test_links_in_a_circle_are_refused(models_dir):
    (models_dir / "one").symlink_to(models_dir / "two")
    (models_dir / "two").symlink_to(models_dir / "one")
    assert refusal(f"{models_dir}/one", models_dir)[0] in (400, 404)


def test_a_link_within_the_folder_of_models_is_followed(models_dir):
    (models_dir / "link").symlink_to(models_dir / "a/model")
    assert find_folder(f"{models_dir}/link", models_dir) == models_dir / "a/model"


@pytest.mark.parametrize("folder", ["a", "nothing/there"])
def test_a_folder_without_a_model_is_404(models_dir, folder):
    assert refusal(f"{models_dir}/{folder}", models_dir) == (404, "model_not_found")


def test_the_largest_form_decides_how_much_memory_a_model_may_need(models_dir):
    small = loading_bytes(models_dir / "a/model")
    assert 40 * MIB < small < 50 * MIB
    (models_dir / "a/model/model-bf16.pt").write_bytes(bytes(MIB))
    assert 3 * MIB < loading_bytes(models_dir / "a/model") - small < 4 * MIB
