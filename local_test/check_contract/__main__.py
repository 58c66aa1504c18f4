"""Check an image against SageMaker's container contract: python -m local_test.check_contract IMAGE."""

import argparse
import sys
import time

from tqdm import tqdm

from local_test.check_contract.engine import Engine
from local_test.check_contract.errors import UsageError
from local_test.check_contract.lab import Lab
from local_test.check_contract.options import choose_rows, parse, read_subject
from local_test.check_contract.report import WORDS, listing, summary, table, write_json
from local_test.check_contract.row import Row
from local_test.check_contract.runner import Result, run_rows
from local_test.check_contract.workspace import workspace
from local_test.interrupts import INTERRUPTED, NOTHING_LEFT, end_in_order

USAGE_STATUS = 2


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 1 if a required row fails, 2 if nothing can be checked, 130 after Ctrl-C."""
    options = parse(arguments)
    try:
        rows = choose_rows(options)
        if options.list:
            print(listing(rows))
            return 0
        if not options.image:
            raise UsageError("Say which image: python -m local_test.check_contract IMAGE.")
        return check(options, rows)
    except UsageError as error:
        print(error, file=sys.stderr)
        return USAGE_STATUS
    except KeyboardInterrupt:
        print(NOTHING_LEFT, file=sys.stderr)
        return INTERRUPTED


def check(options: argparse.Namespace, rows: list[Row]) -> int:
    """Run the rows and print what came out. Raises UsageError and KeyboardInterrupt."""
    engine = Engine()
    image_id = engine.inspect_image(options.image)["Id"]
    end_in_order()
    progress = Progress(len(rows))
    try:
        with workspace(engine, options.image) as folder:
            lab = Lab(read_subject(options, folder), engine, folder)
            results = run_rows(rows, lab, jobs=options.jobs, tell=progress.tell)
    finally:
        progress.close()
        engine.close()
    print(table(results))
    print(f"\n{summary(options.image, results)}")
    if options.json:
        write_json(options.json, options.image, image_id, results)
    return 1 if any(result.breaks_the_contract for result in results) else 0


class Progress:
    """A line on stderr for each row that is done, and on a terminal how many are left and for how long."""

    def __init__(self, num_rows: int) -> None:
        self._num_rows, self._num_done = num_rows, 0
        self._started = time.monotonic()
        self._bar = tqdm(total=num_rows, desc="checking", unit="row", disable=None, leave=False)

    def tell(self, result: Result) -> None:
        self._num_done += 1
        seconds = time.monotonic() - self._started
        word = WORDS[result.outcome.status]
        tqdm.write(f"[{self._num_done}/{self._num_rows}, {seconds:.0f} s] {result.row.id}: {word}", file=sys.stderr)
        self._bar.update()

    def close(self) -> None:
        self._bar.close()


if __name__ == "__main__":
    sys.exit(main())
