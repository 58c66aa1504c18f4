"""A multi-model endpoint on this machine: the models of several runs, each asked for by its name."""

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from container import contract
from local_test.opt_ml import Run
from local_test.serve_local import (
    THIS_MACHINE,
    ServerError,
    add_where_arguments,
    require_model,
    serve_until_stopped,
    serving,
)
from local_test.train_local import pair

VARIABLES = {contract.MULTI_MODEL_VARIABLE: "true"}
LOAD_SECONDS = 60  # as SageMaker waits
EXAMPLES = """examples:
  python -m local_test.serve_models dogs=runs/dogs cats=runs/cats
  curl -H 'Content-Type: image/jpeg' --data-binary @dog.jpg localhost:8080/models/dogs/invoke"""


@contextlib.contextmanager
def models_server(
    runs: Mapping[str, Run], *, image: str | None, port: int, quiet: bool = False, host: str = THIS_MACHINE
) -> Iterator[str]:
    """The URL of a server that has loaded the model of every run. Raises ServerError, as if one cannot be loaded."""
    for run in runs.values():
        require_model(run)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / contract.MODELS_DIR).mkdir()
        for number, run in enumerate(runs.values()):  # a name is no folder's: it may hold anything
            # Copies, as the server follows no link that leads out of the folder.
            shutil.copytree(run.model_dir, root / contract.MODELS_DIR / str(number) / "model")
        root.chmod(0o755)  # for the user in the container
        base_dir = contract.BASE_DIR if image else root
        with serving(
            root, contract.MODELS_DIR, image=image, port=port, quiet=quiet, host=host, variables=VARIABLES
        ) as url:
            for number, name in enumerate(runs):
                load(url, name, str(base_dir / contract.MODELS_DIR / str(number) / "model"))
            yield url


def load(url: str, name: str, folder: str) -> None:
    """Have the server load a model, as SageMaker does. Raises ServerError with the server's reason."""
    body = json.dumps({"model_name": name, "url": folder}).encode()
    request = urllib.request.Request(f"{url}/models", data=body)  # noqa: S310  localhost
    try:
        with urllib.request.urlopen(request, timeout=LOAD_SECONDS):  # noqa: S310
            return
    except urllib.error.HTTPError as error:
        reason = json.loads(error.read())["error"]["message"]
    except OSError as error:
        reason = f"{error}."
    raise ServerError(f"The model {name!r} was not loaded: {reason}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local_test.serve_models",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", type=pair, metavar="NAME=RUN", help="a name, and a run of train_local")
    add_where_arguments(parser)
    options = parser.parse_args(arguments)
    runs = {name: Run(Path(folder).absolute()) for name, folder in options.runs}
    return serve_until_stopped(
        options,
        lambda image: models_server(runs, image=image, port=options.port, host=options.host),
        lambda url: f"{', '.join(runs)}. Send an image to {url}/models/NAME/invoke.",
    )


if __name__ == "__main__":
    sys.exit(main())
