"""Resources as a table that a person reads."""

from collections.abc import Sequence

from deploy.inventory.resource import Resource

TITLES = ("KIND", "NAME", "STATE", "SINCE (UTC)", "$/HOUR")


def print_table(resources: Sequence[Resource]) -> None:
    if not resources:
        print("Nothing of this project exists on AWS.")
        return
    rows = [TITLES, *(_row(resource) for resource in resources)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(TITLES))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def dollars(price: float | None) -> str:
    if price is None:
        return "unknown"
    return f"{price:.3f}" if price else ""


def _row(resource: Resource) -> tuple[str, str, str, str, str]:
    since = f"{resource.since:%Y-%m-%d %H:%M}" if resource.since else ""
    return resource.kind, resource.name, resource.status, since, dollars(resource.dollars_per_hour)
