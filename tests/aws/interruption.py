"""A command that dies: from its n-th change on no call is answered, and none has an effect."""

from collections.abc import Callable

import pytest

from tests.aws.gateway import Call, Gateway

READS = ("Get", "List", "Describe", "Head", "BatchGet")


class Death:
    """A fault of the gateway's: closes the connections of all changes but the first few, or of those of one operation.

    To die before a read is to die after the change before it.
    """

    cuts = True

    def __init__(self, survived: int, operation: str = "*") -> None:
        self.survived, self.operation = survived, operation
        self.times = 1_000_000
        self.has_struck = False

    def fits(self, call: Call) -> bool:
        if call.operation.startswith(READS) or self.operation not in ("*", call.operation):
            return False
        self.survived -= 1
        self.has_struck = self.has_struck or self.survived < 0
        return self.survived < 0


def die_between_changes(
    aws: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    *,
    begin: Callable[[], None],
    command: Callable[[], int],
    check: Callable[[], None],
) -> int:
    """Have `command` die before each of its changes in turn; run again it must succeed, and `check` the end.

    `begin` is called before each try, in an empty account. Returns the number of deaths.
    """
    deaths = 0
    while True:
        aws.reset()
        begin()
        death = Death(deaths)
        aws.faults.append(death)  # type: ignore[arg-type]
        with monkeypatch.context() as patch:
            patch.setattr("deploy.aws.MAX_ATTEMPTS", 0)
            status = command()
        aws.faults.clear()
        if not death.has_struck:
            assert status == 0
            check()
            return deaths
        assert status == 1, f"the command outlived the end of all connections after {deaths} changes"
        assert command() == 0, f"it does not go on after dying before change {deaths + 1}"
        check()
        deaths += 1
