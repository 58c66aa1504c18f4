"""Whether the image serves a run's model: start it, wait for /ping, ask it about an image, stop it."""

import argparse
import sys
from pathlib import Path

from container.errors import UserError
from local_test.demo import first_image
from local_test.image import DEFAULT_IMAGE, EngineError, require_image
from local_test.interrupts import exit_status
from local_test.invoke import InvocationError, invoke, print_prediction
from local_test.opt_ml import Run, find_channels
from local_test.serve_local import ServerError, free_port, server

EXAMPLES = """examples:
  python -m local_test.serve_test runs/sample
  python -m local_test.serve_test runs/photos --data photos --image image-classifier:test"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local_test.serve_test",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, help="folder of a run of train_local")
    parser.add_argument("--data", type=Path, default=Path("data/sample"), help="data set to take an image from")
    parser.add_argument("--image", default=DEFAULT_IMAGE, help=f"image to run (default: {DEFAULT_IMAGE})")
    options = parser.parse_args(arguments)
    try:
        require_image(options.image)
        photo = first_image(find_channels(options.data))
        with server(Run(options.run.absolute()), image=options.image, port=free_port(), quiet=True) as url:
            print(f"GET {url}/ping: 200")
            print_prediction(photo, invoke(url, photo, top_k=5))
    except (UserError, EngineError, ServerError, InvocationError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.image} serves {options.run}.")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
