"""Link a base image's torch into our own environment, instead of installing gigabytes a second time.

    python link_torch.py /opt/venv requirements.txt

Run by our environment's Python. It links torch, torchvision and whatever they need that our lock file does not pin
(CUDA libraries, triton), each with its metadata, so that `pip check` sees one complete set.
"""

import re
import sys
import sysconfig
from importlib.metadata import Distribution, distributions
from pathlib import Path

WANTED = ("torch", "torchvision")
SCRIPT = "#!{python}\nimport sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"


def normalised(name: str) -> str:
    """The one spelling of a package name: cuda_toolkit, Cuda.Toolkit -> cuda-toolkit. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(dist: Distribution, extras: set[str]) -> list[tuple[str, set[str]]]:
    """The names that `dist` needs, with the extras asked of each; markers are ignored, as what is absent is skipped."""
    found = []
    for text in dist.requires or []:
        name, asked = re.match(r"([\w.-]+)\s*(?:\[([^\]]*)\])?", text).groups()  # type: ignore[union-attr]
        only_for = re.search(r"extra\s*==\s*['\"]([\w.-]+)['\"]", text)
        if only_for is None or only_for[1] in extras:
            found.append((normalised(name), {extra.strip() for extra in (asked or "").split(",") if extra}))
    return found


def torch_family(base: dict[str, Distribution], pinned: set[str]) -> list[Distribution]:
    """torch, torchvision and all that they need of the base, without what our lock file pins."""
    family: dict[str, Distribution] = {}
    visited = set()
    waiting: list[tuple[str, set[str]]] = [(name, set()) for name in WANTED]
    while waiting:
        name, extras = waiting.pop()
        if name in pinned or name not in base or (name, frozenset(extras)) in visited:
            continue
        visited.add((name, frozenset(extras)))
        family[name] = base[name]
        waiting += requirements(base[name], extras)
    return list(family.values())


def link(dist: Distribution, base_dir: Path, our_dir: Path) -> None:
    """Link each top-level file and folder of `dist` from one site-packages to the other."""
    tops = {path.parts[0] for path in dist.files or []} - {"..", "__pycache__"}
    for top in tops:
        target = our_dir / top
        if not target.is_symlink():  # packages share a folder: each nvidia-* puts its files under nvidia/
            target.symlink_to(base_dir / top)


def write_scripts(dist: Distribution, bin_dir: Path) -> None:
    """Commands such as torchrun anew: the base's own would run the base's Python, without our packages."""
    for entry in dist.entry_points.select(group="console_scripts"):
        script = bin_dir / entry.name
        script.write_text(SCRIPT.format(python=sys.executable, module=entry.module, function=entry.attr))
        script.chmod(0o755)


def main(base_venv: str, lock_file: str) -> None:
    base_dir = Path(sysconfig.get_path("purelib", "venv", {"base": base_venv, "platbase": base_venv}))
    our_dir = Path(sysconfig.get_path("purelib"))
    base = {normalised(dist.metadata["Name"]): dist for dist in distributions(path=[str(base_dir)])}
    missing = [name for name in WANTED if name not in base]
    if missing:
        sys.exit(
            f"The base image has no {' and no '.join(missing)} in {base_dir}; build on an AWS PyTorch image for "
            "SageMaker, or on the stand-in (make build BASE=local)."
        )
    pins = [line for line in Path(lock_file).read_text().splitlines() if "==" in line]
    family = torch_family(base, {normalised(line.split("==")[0]) for line in pins})
    for dist in family:
        link(dist, base_dir, our_dir)
        write_scripts(dist, Path(sys.executable).parent)
    print("Linked from the base:", ", ".join(sorted(f"{dist.metadata['Name']} {dist.version}" for dist in family)))


if __name__ == "__main__":
    main(*sys.argv[1:])
