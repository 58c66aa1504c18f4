"""Values on the command line that several commands take."""

import argparse

from local_test.train_local import pair


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def add_hyperparameters(parser: argparse.ArgumentParser, help: str) -> None:
    """`-p NAME=VALUE`, any number of times, as `parameters`."""
    parser.add_argument(
        "-p", "--parameter", dest="parameters", metavar="NAME=VALUE", type=pair, action="append", default=[], help=help
    )
