import json
import platform
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from container.errors import ArtifactError
from container.model import precision
from container.model.precision import WANTED, Variant, choose_variant, cpu_flags, variant_path

ALL = ("fp32", "bf16", "int8")
VNNI, AMX = frozenset({"avx2", "avx512_vnni"}), frozenset({"avx2", "amx_int8", "amx_bf16"})
BF16 = frozenset({"avx2", "avx512_bf16"})


def write(model_dir: Path, name: str, speed: Any = None, **measured: Any) -> Path:
    """An artifact of which there is nothing but the model card."""
    card = {"precision": name, "measured": {"speed": speed or {"1": 4.0, "8": 3.0}, **measured}}
    path = variant_path(model_dir, name)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{path.stem}/extra/model_card.json", json.dumps(card))
    return path


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    """fp32, bf16 (1.8 times as fast) and int8 (3 times)."""
    write(tmp_path, "fp32")
    write(tmp_path, "bf16", {"1": 1.9, "8": 1.8}, architecture=platform.machine(), cpu_flags=["avx512_bf16"])
    write(tmp_path, "int8", {"1": 3.9, "8": 3.0}, architecture=platform.machine(), cpu_flags=["avx512_vnni"])
    return tmp_path


def auto(model_dir: Path, flags: frozenset[str] = VNNI | BF16) -> Variant:
    return choose_variant(model_dir, "auto", "cpu", flags)


def test_each_precision_has_a_file_of_its_own_beside_model_pt(tmp_path: Path) -> None:
    names = [variant_path(tmp_path, name).name for name in ALL]
    assert names == ["model.pt", "model-bf16.pt", "model-int8.pt"]


@pytest.mark.parametrize(
    ("flags", "expected", "reason"),
    [
        (VNNI | BF16, "int8", "this CPU has avx512_vnni, and by what export measured it is 3.0 times as fast as fp32"),
        (VNNI, "int8", "this CPU has avx512_vnni, and"),
        (frozenset({"avx2", "avx_vnni"}), "int8", "this CPU has avx_vnni, and"),
        (AMX, "int8", "this CPU has amx_int8, and"),
        (frozenset({"avx512_bf16"}), "bf16", "this CPU has avx512_bf16, and by what export measured it is 1.8 times"),
        (frozenset({"amx_bf16"}), "bf16", "this CPU has amx_bf16, and"),
        (frozenset({"avx2"}), "int8", "this CPU has avx2, and by what export measured it is 1.5 times as fast"),
        (BF16, "bf16", "this CPU has avx512_bf16, and"),
        (
            frozenset({"sse4_2"}),
            "fp32",
            "this CPU lacks VNNI or AMX for model-int8.pt; this CPU lacks AVX-512 BF16 or AMX for model-bf16.pt",
        ),
        (frozenset(), "fp32", "this CPU lacks VNNI or AMX for model-int8.pt; this CPU lacks AVX-512 BF16"),
    ],
)
def test_the_fastest_form_that_a_cpu_has_arithmetic_for_is_chosen(
    model_dir: Path, flags: frozenset[str], expected: str, reason: str
) -> None:
    variant = auto(model_dir, flags)
    assert (variant.precision, variant.path) == (expected, variant_path(model_dir, expected))
    assert variant.reason.startswith(f"{expected}: {reason}")
    assert variant.reason.endswith(".")


def test_the_faster_of_two_forms_wins_whatever_its_bits(model_dir: Path) -> None:
    write(model_dir, "bf16", {"1": 3.5, "8": 3.1})
    assert auto(model_dir).precision == "bf16"


def test_the_batch_size_where_a_form_gains_least_decides(model_dir: Path) -> None:
    write(model_dir, "int8", {"1": 9.0, "8": 1.2})
    assert auto(model_dir).precision == "bf16"


def test_int8_that_gains_little_is_not_chosen_where_it_would_gain_half_of_it(model_dir: Path) -> None:
    variant_path(model_dir, "bf16").unlink()
    write(model_dir, "int8", {"1": 1.8, "8": 1.7}, cpu_flags=["avx512_vnni"])
    assert auto(model_dir, VNNI).precision == "int8"
    variant = auto(model_dir, frozenset({"avx2"}))
    assert (variant.precision, variant.reason) == (
        "fp32",
        "fp32: model-int8.pt gains too little on a CPU without VNNI or AMX.",
    )


def test_int8_measured_without_vnni_gains_as_much_without_it(model_dir: Path) -> None:
    write(model_dir, "int8", {"1": 1.9, "8": 1.9}, cpu_flags=[])
    variant = auto(model_dir, frozenset({"avx2"}))
    assert variant.precision == "int8"
    assert "1.9 times as fast" in variant.reason


def test_a_form_measured_on_another_architecture_is_not_chosen(model_dir: Path) -> None:
    variant_path(model_dir, "bf16").unlink()
    write(model_dir, "int8", architecture="aarch64", cpu_flags=["asimddp"])
    variant = auto(model_dir)
    assert variant.precision == "fp32"
    assert f"model-int8.pt was measured on aarch64, not on {platform.machine()}" in variant.reason


def test_on_arm_what_was_exported_on_arm_is_chosen(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision.platform, "machine", lambda: "aarch64")
    assert auto(model_dir, frozenset({"asimddp", "bf16"})).precision == "fp32"  # all measured on this machine
    write(model_dir, "int8", architecture="aarch64", cpu_flags=["asimddp"])
    assert auto(model_dir, frozenset({"asimddp", "bf16"})).precision == "int8"


def test_without_other_forms_model_pt_is_chosen(tmp_path: Path) -> None:
    variant = auto(tmp_path)
    assert variant == Variant(tmp_path / "model.pt", "fp32", "fp32: the folder holds no other form of the model.")


DAMAGES = {
    "no zip": b"hello",
    "no card": {},
    "no JSON": {"model/extra/model_card.json": "{"},
    "not an object": {"model/extra/model_card.json": "[1]"},
    "nothing measured": {"model/extra/model_card.json": "{}"},
    "no speeds": {"model/extra/model_card.json": '{"measured": {"speed": {}}}'},
    "speeds that are words": {"model/extra/model_card.json": '{"measured": {"speed": {"1": "fast"}}}'},
    "speeds that are no object": {"model/extra/model_card.json": '{"measured": {"speed": 3}}'},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_form_gives_way_to_one_that_is_whole(model_dir: Path, damage: str) -> None:
    content, path = DAMAGES[damage], variant_path(model_dir, "int8")
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in content.items():
                archive.writestr(name, text)
    assert auto(model_dir).precision == "bf16"
    variant_path(model_dir, "bf16").unlink()
    variant = auto(model_dir)
    assert (variant.precision, variant.reason) == ("fp32", "fp32: model-int8.pt does not say how fast it is.")


@pytest.mark.parametrize("wanted", ALL)
def test_a_wanted_precision_is_taken_whatever_the_cpu(model_dir: Path, wanted: str) -> None:
    variant = choose_variant(model_dir, wanted, "cpu", frozenset())
    assert variant == Variant(variant_path(model_dir, wanted), wanted, f"{wanted} was asked for.")


@pytest.mark.parametrize("wanted", ["bf16", "int8"])
def test_a_wanted_precision_that_training_did_not_keep_is_an_error(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(ArtifactError, match=rf"no model-{wanted}\.pt in .*: training kept no {wanted} form .* auto or"):
        choose_variant(tmp_path, wanted, "cpu")


def test_int8_does_not_run_on_a_gpu(model_dir: Path) -> None:
    with pytest.raises(ArtifactError, match=r"model-int8\.pt runs on a CPU only, not on cuda:0; ask for auto"):
        choose_variant(model_dir, "int8", "cuda:0")


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, "bf16"), (False, "fp32")])
def test_a_gpu_takes_bf16_where_it_has_it(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch, has_bf16: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    variant = choose_variant(model_dir, "auto", "cuda")
    assert (variant.precision, variant.path) == (expected, variant_path(model_dir, expected))
    assert "GPU" in variant.reason


def test_a_gpu_without_a_bf16_form_takes_model_pt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert (
        choose_variant(tmp_path, "auto", "cuda").reason == "fp32: there is no model-bf16.pt, the other form for GPUs."
    )


def test_every_word_that_can_be_wanted_is_known(model_dir: Path) -> None:
    chosen = {wanted: choose_variant(model_dir, wanted, "cpu", VNNI).precision for wanted in WANTED}
    assert chosen == {"auto": "int8", "fp32": "fp32", "bf16": "bf16", "int8": "int8"}


def test_the_flags_are_the_first_processors(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512_vnni\nbugs\t\t:\n\nprocessor\t: 1\nflags\t\t: other\n")
    assert cpu_flags(path) == {"fpu", "avx2", "avx512_vnni"}


def test_the_flags_of_an_arm_processor_have_another_name(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nFeatures\t: fp asimd asimddp bf16\n")
    assert cpu_flags(path) == {"fp", "asimd", "asimddp", "bf16"}


def test_a_system_that_lists_no_flags_has_none(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor : 0\n")
    assert cpu_flags(tmp_path / "cpuinfo") == cpu_flags(tmp_path / "missing") == frozenset()


@pytest.mark.skipif(platform.system() != "Linux", reason="other systems list no flags")
def test_this_machines_own_flags_are_read(model_dir: Path) -> None:
    assert cpu_flags()
    assert choose_variant(model_dir, "auto", "cpu") == auto(model_dir, cpu_flags())
