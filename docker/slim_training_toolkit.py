"""Make two requirements of sagemaker-training optional, in its metadata, as the image leaves them out.

    python slim_training_toolkit.py          # by the environment's own Python, after sagemaker-training is installed

scipy is 99 MB, and encoders.py and recordio.py alone import it, which nothing on the way of a training job imports.
gevent, with what it needs 10 MB, is imported by no file at all any more. So both requirements become extras, and the
version gets a local label (PEP 440): `pip check` stays true, `pip list` and the bill of materials show that this is not
the release as published, and `pip install sagemaker-training==4.9.0` still takes it for 4.9.0.
"""

import base64
import csv
import hashlib
import io
import sys
import sysconfig
from pathlib import Path

NAME = "sagemaker_training"
LABEL = "slim"
EXTRAS = {"scipy": "encoders", "gevent": "server"}  # requirement -> the extra that it becomes


def changed_metadata(text: str, version: str) -> str:
    """METADATA with the label in its version and the extras. Exits with a sentence if it is not as expected."""
    header, blank, description = text.partition("\n\n")
    lines = header.split("\n")
    if f"Version: {version}" not in lines:
        sys.exit(f"The metadata of {NAME} {version} names another version; see docker/slim_training_toolkit.py.")
    lines[lines.index(f"Version: {version}")] = f"Version: {version}+{LABEL}"
    for requirement, extra in EXTRAS.items():
        found = [line for line in lines if line.startswith(f"Requires-Dist: {requirement}") and ";" not in line]
        if len(found) != 1:
            sys.exit(f"{NAME} {version} does not require {requirement} any more; see docker/slim_training_toolkit.py.")
        lines[lines.index(found[0])] = f'{found[0]}; extra == "{extra}"'
    return "\n".join([*lines, *(f"Provides-Extra: {extra}" for extra in EXTRAS.values())]) + blank + description


def changed_record(text: str, old_info: str, new_info: str, metadata: bytes) -> str:
    """RECORD with the folder's new name, and the new METADATA's hash and size."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(metadata).digest()).rstrip(b"=").decode()
    rows = []
    for path, *rest in csv.reader(io.StringIO(text)):
        folder, _, name = path.partition("/")
        if folder == old_info:
            path = f"{new_info}/{name}"
            if name == "METADATA":
                rest = [f"sha256={digest}", str(len(metadata))]
        rows.append([path, *rest])
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def slim(site_packages: Path) -> None:
    (old,) = site_packages.glob(f"{NAME}-*.dist-info")
    version = old.name.removeprefix(f"{NAME}-").removesuffix(".dist-info")
    new = old.with_name(f"{NAME}-{version}+{LABEL}.dist-info")
    metadata = changed_metadata((old / "METADATA").read_text(encoding="utf-8"), version).encode()
    record = changed_record((old / "RECORD").read_text(encoding="utf-8"), old.name, new.name, metadata)
    (old / "METADATA").write_bytes(metadata)
    (old / "RECORD").write_text(record, encoding="utf-8")
    old.rename(new)


if __name__ == "__main__":
    slim(Path(sysconfig.get_path("purelib")))
