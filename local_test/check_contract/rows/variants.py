"""Rows about endpoints with several production variants: containers that know nothing of each other."""

from local_test.check_contract import sources
from local_test.check_contract.lab import Lab
from local_test.check_contract.row import Mode, Outcome, judged, only_on_aws, required

TARGET_HEADER = "X-Amzn-SageMaker-Target-Variant"


@required(
    "variants-target",
    Mode.VARIANTS,
    f"A request that names its variant ({TARGET_HEADER}) is answered like any other.",
    sources.INVOKE_API,
)
def target(lab: Lab) -> Outcome:
    answer = lab.server().invoke(lab.subject.request, {TARGET_HEADER: "second"})
    return judged(answer.ok, f"{TARGET_HEADER}: {answer}")


weights = only_on_aws(
    "variants-weights",
    Mode.VARIANTS,
    "Requests are spread over the variants by weight, and a variant's health decides whether an update goes on.",
    sources.VARIANT_API,
    "the platform chooses the variant",
)

ROWS = (target, weights)
