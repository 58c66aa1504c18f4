"""Every row, in the order of the table."""

from local_test.check_contract.row import Mode, Row
from local_test.check_contract.rows import (
    asynchronous,
    batch,
    image,
    invocations,
    multi_model,
    ping,
    pipeline,
    refusals,
    serverless,
    start,
    stop,
    training,
    training_stop,
    transport,
    variants,
)

_MODULES = (
    image,
    start,
    ping,
    invocations,
    refusals,
    transport,
    stop,
    batch,
    asynchronous,
    serverless,
    multi_model,
    pipeline,
    variants,
    training,
    training_stop,
)
_MODES = list(Mode)
ROWS: tuple[Row, ...] = tuple(
    sorted((row for module in _MODULES for row in module.ROWS), key=lambda row: _MODES.index(row.mode))
)
