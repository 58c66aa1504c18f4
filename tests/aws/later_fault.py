"""A command killed in its middle: AWS refuses one call, after some others."""

from dataclasses import dataclass

from tests.aws.gateway import Call, Fault, Gateway

CHANGES = ("Create", "Put")
COUNTED = (*CHANGES, "GetObject", "ListTrainingJobs")


@dataclass
class LaterFault(Fault):
    """Refuses one call, after `skipped` others."""

    skipped: int = 0
    refused: str = ""
    after_change: bool = False

    def fits(self, call: Call) -> bool:
        """Only changes, what follows one, and the fetching of results count: a kill elsewhere is like one of these."""
        counts = self.after_change or call.operation.startswith(COUNTED)
        self.after_change = call.operation.startswith(CHANGES)
        self.skipped -= counts
        if self.refused or self.skipped >= 0:
            return False
        self.refused = f"{call.service}:{call.operation}"
        return True


def refuse_later(gateway: Gateway, skipped: int) -> LaterFault:
    fault = LaterFault("*", "*", "AccessDenied", 403, "killed here", 1, skipped=skipped)
    gateway.faults.append(fault)
    return fault
