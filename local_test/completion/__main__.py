"""Write the shell completion of every command, for bash and for zsh: python -m local_test.completion.

It completes modules, subcommands, options and their choices after `python -m`, and of NAME=VALUE both: hyperparameters
after -p, settings of deploy after --set, variables of the server after --env. Nothing is run while one types.
"""

import argparse
import os
import sys
from pathlib import Path

from local_test.completion.scripts import SHELLS, script
from local_test.interrupts import exit_status

EXAMPLES = """examples:
  python -m local_test.completion && source build/completion.bash"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local_test.completion",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dir", type=Path, default=Path("build"), help="folder for the scripts (default: build)")
    options = parser.parse_args()
    options.dir.mkdir(parents=True, exist_ok=True)
    for shell in SHELLS:
        (options.dir / f"completion.{shell}").write_text(script(shell))
    shell = "zsh" if os.environ.get("SHELL", "").endswith("zsh") else "bash"
    path = options.dir / f"completion.{shell}"
    print(f"In this shell:      source {path}")
    print(f"In every new one:   echo 'source {path.absolute()}' >> ~/.{shell}rc")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
