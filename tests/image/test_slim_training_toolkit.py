"""docker/slim_training_toolkit.py on metadata like sagemaker-training's."""

import base64
import hashlib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from slim_training_toolkit import slim

METADATA = """Metadata-Version: 2.4
Name: sagemaker_training
Version: 4.9.0
Requires-Dist: numpy
Requires-Dist: gevent
Requires-Dist: scipy>=1.2.2
Requires-Dist: scipy; extra == "test"

The description says Version: 4.9.0 and Requires-Dist: scipy>=1.2.2 too.
"""


def site_with(folder: Path, metadata: str) -> Path:
    info = folder / "sagemaker_training-4.9.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(metadata)
    (info / "RECORD").write_text(
        f"{info.name}/METADATA,sha256=old,1\n{info.name}/RECORD,,\nsagemaker_training/trainer.py,sha256=kept,7\n"
    )
    return folder


def test_scipy_and_gevent_become_extras_of_a_labelled_version(tmp_path):
    slim(site_with(tmp_path, METADATA))
    (dist,) = distributions(path=[str(tmp_path)])
    assert dist.version == "4.9.0+slim"
    assert dist.requires is not None
    always = {each.name for each in map(Requirement, dist.requires) if each.marker is None}
    assert always == {"numpy"}
    assert 'scipy>=1.2.2; extra == "encoders"' in dist.requires
    assert set(dist.metadata.get_all("Provides-Extra") or []) == {"encoders", "server"}
    assert (dist.metadata.get_payload()).startswith("The description says Version: 4.9.0 and")


def test_the_record_has_the_new_folder_and_the_new_hash(tmp_path):
    slim(site_with(tmp_path, METADATA))
    info = tmp_path / "sagemaker_training-4.9.0+slim.dist-info"
    content = (info / "METADATA").read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    assert (info / "RECORD").read_text().splitlines() == [
        f"{info.name}/METADATA,sha256={digest},{len(content)}",
        f"{info.name}/RECORD,,",
        "sagemaker_training/trainer.py,sha256=kept,7",
    ]


@pytest.mark.parametrize("requirement", ["gevent", "scipy"])
def test_a_release_that_does_not_require_it_any_more_ends_the_build_with_a_sentence(tmp_path, requirement):
    metadata = METADATA.replace(f"Requires-Dist: {requirement}", "Requires-Dist: other")
    with pytest.raises(SystemExit, match=f"4.9.0 does not require {requirement} any more; see docker/"):
        slim(site_with(tmp_path, metadata))
