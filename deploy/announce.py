"""What a command is about to create, and its price, said before it does."""

import sys


def announce(what: str, price: str = "") -> None:
    """One line on stderr, so that a dry run's stdout holds nothing but requests."""
    print(f"Creates: {what}{f'. {price}' if price else ''}", file=sys.stderr, flush=True)
