"""What `docker run IMAGE ...` starts: `train`, `serve`, or any other command as it stands."""

import os
import sys
from typing import NoReturn

from container.errors import UserError

COMMAND_NOT_FOUND = 127  # as a shell's


def main(arguments: list[str]) -> None:
    """Train, serve or become another command. No argument means train: local mode of the SageMaker SDK gives none."""
    command = arguments[0] if arguments else "train"
    if command == "train":
        from container.training.launch import main as train

        train()
    elif command == "serve":
        from container.serving.server import serve

        try:
            serve()
        except UserError as error:
            print(error, file=sys.stderr)
            sys.exit(1)
    else:
        become(arguments)


def become(command: list[str]) -> NoReturn:
    """Replace this process, so that signals and exit status are the command's own: the SDK cleans up with `chmod`."""
    try:
        os.execvp(command[0], command)  # noqa: S606  no shell on purpose: arguments arrive as they were given
    except OSError as error:
        reason = f"{command[0]!r} cannot be run ({error.strerror})"
        print(f"docker run: {reason}; use `train`, `serve` or a program of this image.", file=sys.stderr)
        sys.exit(COMMAND_NOT_FOUND)


if __name__ == "__main__":
    main(sys.argv[1:])
