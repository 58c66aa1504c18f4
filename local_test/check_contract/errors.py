"""What ends a check, or all of them, early."""


class NotStartedError(Exception):
    """Something that a row needs did not come up: one phrase says what was seen instead."""


class NotApplicableError(Exception):
    """The row has nothing to check in this image, or with what was given; one phrase says why."""


class StoppedError(Exception):
    """The tool is being ended; nothing new is started."""


class UsageError(Exception):
    """What was asked for cannot be done; one sentence says what to do."""
