"""Build the image: python3 docker/build.py [--base local|IMAGE] [--tag NAME]. Needs Docker and nothing else."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from base_image import default_base, find_base
from ending import exit_status
from engine import Docker, EngineError, find_docker
from standin_base import build_standin

PROJECT_DIR = Path(__file__).parents[1]
DEFAULT_TAG = "image-classifier:latest"
CA_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
EXAMPLES = """examples:
  python3 docker/build.py
  python3 docker/build.py --base local --tag image-classifier:test"""
NEXT = """Next:
  docker run --rm -v "$PWD/job":/opt/ml {tag} train
  docker run --rm -p 8080:8080 -v "$PWD/job":/opt/ml {tag} serve
  curl --data-binary @dog.jpg -H 'Content-Type: image/jpeg' localhost:8080/invocations"""


def main() -> int:
    arguments = parse_arguments()
    try:
        build(find_docker(), arguments.base, arguments.tag)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Build the image that trains and serves.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--base", metavar="local|IMAGE", help="base image; `local`: the stand-in, built here; default: the AWS image"
    )
    parser.add_argument("--tag", default=DEFAULT_TAG, help="name of the image (default: %(default)s)")
    return parser.parse_args()


def build(docker: Docker, named: str | None, tag: str) -> None:
    """Build `tag` on the named base, then say how large it is and what to run next. Raises EngineError."""
    options = network_options()
    base = find_base(docker, build_standin(docker, options) if named == "local" else named or default_base())
    if named != "local" and base.warning:
        print(f"Note: {base.warning}", flush=True)
    started = time.monotonic()
    values = ["--build-arg", f"BASE_IMAGE={base.reference}", "--build-arg", f"GIT_REVISION={git_revision()}"]
    labels = [part for name, value in base.labels.items() for part in ("--label", f"{name}={value}")]
    file = str(PROJECT_DIR / "docker" / "Dockerfile")
    docker.build(*options, *values, *labels, "--tag", tag, "--file", file, str(PROJECT_DIR))
    print(f"\n{tag} is ready after {time.monotonic() - started:.0f} s; {sizes(docker, tag, base.reference)}.")
    print(NEXT.format(tag=tag))


def network_options() -> list[str]:
    """What pip needs to get out: a proxy, and the certificates of a network that re-signs HTTPS, as a secret.

    Such a network is most often reached only from the host itself; so the build then uses the host's.
    """
    options = []
    for name in PROXY_VARIABLES:
        if os.environ.get(name):
            options += ["--build-arg", name]  # docker takes the value from its environment
    for name in CA_VARIABLES:
        path = os.environ.get(name, "")
        if Path(path).is_file():
            return [*options, "--network", "host", "--secret", f"id=ca,src={path}"]
    return options


def git_revision() -> str:
    """The commit of the working tree, with -dirty where files differ from it; `unknown` outside of git."""
    command = ["git", "-C", str(PROJECT_DIR), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return result.stdout.strip() or "unknown"


def sizes(docker: Docker, tag: str, base: str) -> str:
    total = docker.size_bytes(tag) or 0
    base_bytes = docker.size_bytes(base)
    over = f", {(total - base_bytes) / 1e6:.0f} MB more than its base" if base_bytes else ""
    return f"{total / 1e9:.2f} GB{over}"


if __name__ == "__main__":
    sys.exit(exit_status(main, "Stopped; what was built so far stays, and the same command goes on from there."))
