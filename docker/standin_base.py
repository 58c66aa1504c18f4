"""The stand-in base: an image like AWS's PyTorch image for SageMaker, for machines that cannot pull that one."""

import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from engine import Docker, EngineError

DOCKER_DIR = Path(__file__).parent
REPOSITORY = "image-classifier-standin"
DEBIAN = "debian:bookworm-slim"
OWN_DEBIAN = f"{REPOSITORY}-debian:bookworm"
INPUTS = ("standin/Dockerfile", "standin/start_with_right_hostname.sh", "requirements-torch.txt")


def build_standin(docker: Docker, options: list[str]) -> str:
    """The stand-in's tag, which is a hash of its inputs: built only where the engine has none for these."""
    tag = f"{REPOSITORY}:{inputs_hash()}"
    if docker.size_bytes(tag) is not None:
        return tag
    print(f"Building the stand-in base {tag}: about two minutes, 6 GB, once.", flush=True)
    debian = debian_image(docker)
    file = str(DOCKER_DIR / "standin" / "Dockerfile")
    docker.build(*options, "--build-arg", f"DEBIAN={debian}", "--tag", tag, "--file", file, str(DOCKER_DIR))
    return tag


def inputs_hash() -> str:
    """Twelve hex digits that change with any input's name or content."""
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update(f"{name}\0".encode() + (DOCKER_DIR / name).read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def debian_image(docker: Docker) -> str:
    """A small Debian 12: from the engine, from the registry, or made here where no registry answers."""
    for image in (DEBIAN, OWN_DEBIAN):
        if docker.size_bytes(image) is not None:
            return image
    pull = docker.run("pull", DEBIAN)
    if pull.returncode == 0:
        return DEBIAN
    reason = (pull.stderr.strip().splitlines() or ["no reason given"])[-1]
    print(f"{DEBIAN} cannot be pulled ({reason}); making it with mmdebstrap.", flush=True)
    import_debian(docker)
    return OWN_DEBIAN


def import_debian(docker: Docker) -> None:
    """Make a Debian root file system from Debian's package archive. Raises EngineError."""
    mmdebstrap = shutil.which("mmdebstrap")
    if mmdebstrap is None:
        raise EngineError(
            f"{DEBIAN} can be neither pulled nor made here: there is no mmdebstrap; on Debian or Ubuntu install it "
            "with `sudo apt-get install mmdebstrap`, elsewhere let the engine reach a registry."
        )
    make = [mmdebstrap, "--variant=minbase", "--include=ca-certificates", "bookworm", "-"]
    with subprocess.Popen(make, stdout=subprocess.PIPE, start_new_session=True) as archive:
        try:
            imported = docker.run("import", "-", OWN_DEBIAN, stdin=archive.stdout)
        except KeyboardInterrupt:
            os.killpg(archive.pid, signal.SIGINT)  # a terminal would tell all of its processes, too
            archive.wait()  # it removes what it has unpacked, which takes longer than `with` has patience
            raise
    if archive.returncode != 0:
        docker.run("image", "rm", OWN_DEBIAN)  # the engine takes half an archive for a whole one
        raise EngineError(f"mmdebstrap ended with status {archive.returncode}; run `make build` as root, or see above.")
    if imported.returncode != 0:
        raise EngineError(f"The engine refused the Debian root file system: {imported.stderr.strip()}.")
