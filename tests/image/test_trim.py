"""docker/trim.py on a small site-packages."""

import csv
from pathlib import Path

import pytest

from trim import trim

FILES = (
    "numpy/__init__.py",
    "numpy/core.so",
    "numpy/core.c",
    "numpy/include/api.h",
    "numpy/tests/test_core.py",
    "numpy/testing/__init__.py",
    "botocore/data/endpoints.json",
    "botocore/data/s3/2006-03-01/service-2.json.gz",
    "botocore/data/iotfleethub/2020-11-03/service-2.json.gz",
    "matplotlib/mpl-data/sample_data/topobathy.npz",
    "matplotlib/mpl-data/matplotlibrc",
)
KEPT = {
    "numpy/__init__.py",
    "numpy/core.so",
    "numpy/testing/__init__.py",
    "botocore/data/endpoints.json",
    "botocore/data/s3/2006-03-01/service-2.json.gz",
    "matplotlib/mpl-data/matplotlibrc",
}


@pytest.fixture
def site(tmp_path) -> Path:
    site = tmp_path / "site-packages"
    for name in FILES:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).touch()
    (site / "all-1.0.dist-info").mkdir()
    rows = [*reversed(FILES), "all-1.0.dist-info/RECORD"]
    (site / "all-1.0.dist-info" / "RECORD").write_text("".join(f"{name},,\n" for name in rows))
    return site


def test_what_runs_stays_and_the_rest_goes(site):
    trim(site)
    assert {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()} == {
        *KEPT,
        "all-1.0.dist-info/RECORD",
    }


def test_each_record_lists_what_is_left_in_one_order(site):
    trim(site)
    with (site / "all-1.0.dist-info" / "RECORD").open() as file:
        names = [row[0] for row in csv.reader(file)]
    assert names == sorted([*KEPT, "all-1.0.dist-info/RECORD"])


def test_the_base_s_packages_behind_links_are_not_touched(site, tmp_path):
    base = tmp_path / "base"
    for name in ("torch/include/torch.h", "torch/tests/test_all.py", "torch-2.0.dist-info/RECORD"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text("torch/gone.py,,\n")
    for name in ("torch", "torch-2.0.dist-info"):
        (site / name).symlink_to(base / name)
    trim(site)
    assert sum(path.is_file() for path in base.rglob("*")) == 3
    assert (base / "torch-2.0.dist-info" / "RECORD").read_text() == "torch/gone.py,,\n"
