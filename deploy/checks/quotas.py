"""Whether the account may start the instances that the settings name: a new account often may not."""

from deploy.checks.check import Check, missing, ok, unknown
from deploy.context import Context
from deploy.errors import NotFoundError

CONSOLE = "https://{region}.console.aws.amazon.com/servicequotas/home/services/sagemaker/quotas"


def needed_quotas(context: Context) -> list[str]:
    """Names as Service Quotas has them, of one instance of each kind that the settings ask for."""
    settings = context.settings
    training = "spot training job usage" if settings.spot else "training job usage"
    return [
        f"{settings.train_instance_type} for {training}",
        f"{settings.endpoint_instance_type} for endpoint usage",
        f"{settings.endpoint_instance_type} for transform job usage",
    ]


def look_at_quotas(context: Context) -> list[Check]:
    """One line per quota. Those that the account has no value of its own for are at AWS's default."""
    needed = needed_quotas(context)
    values = _values(context, "ListServiceQuotas", needed)
    if set(needed) - values.keys():
        values = _values(context, "ListAWSDefaultServiceQuotas", needed) | values
    return [_judge(context, name, values.get(name)) for name in needed]


def _values(context: Context, operation: str, needed: list[str]) -> dict[str, float]:
    try:
        quotas = list(context.aws.pages("service-quotas", operation, "Quotas", ServiceCode="sagemaker"))
    except NotFoundError:
        return {}
    return {quota["QuotaName"]: quota["Value"] for quota in quotas if quota["QuotaName"] in needed}


def _judge(context: Context, name: str, value: float | None) -> Check:
    if value is None:
        return unknown("quota", f"{name}: Service Quotas does not list it; is the instance type right?")
    if value < 1:
        where = CONSOLE.format(region=context.aws.region)
        return missing("quota", f"{name}: {value:g}", f"ask for 1 or more at {where}, or choose another type")
    return ok("quota", f"{name}: {value:g}")
