"""The table of prices in docs/cost.md, from deploy/prices.toml."""

from deploy import prices
from deploy.settings import DeploySettings
from local_test.reference.markdown import code, table

BEGIN, END = "<!-- prices: python -m local_test.reference -->", "<!-- end of prices -->"
HOURS_OF_A_MONTH = 24 * 30
OTHER = {
    "serverless_gb_second": "a serverless endpoint, for a GB of its memory and a second in which it answers",
    "s3_gb_month": "S3, for a GB and a month",
    "ecr_gb_month": "ECR, for a GB of images and a month",
    "training_storage_gb_month": "the disk of a training instance, for a GB and a month (a job pays its minutes)",
}


def price_tables() -> str:
    """Both tables, with where and when the prices were written down."""
    known = prices.table()
    settings = DeploySettings()
    used_for = {
        settings.train_instance_type: "the default of `tune` and `train`",
        settings.endpoint_instance_type: "the default of `deploy`, `async` and `batch`",
    }
    instances = [
        (code(name), f"{price:.3f}", f"{price * HOURS_OF_A_MONTH:.0f}", used_for.get(name, ""))
        for name, price in known["instance_hour"].items()
    ]
    others = [(OTHER[name], f"{price:.5f}".rstrip("0")) for name, price in known["other"].items()]
    checked = "compared with" if known["verified"] else "written down by hand and not compared with"
    return (
        f"List prices of {known['region']} in US dollars, {known['date']}, {checked} "
        f"[AWS's own page]({known['source']}).\n\n"
        + table(("instance", "an hour", "30 days", ""), instances)
        + "\n"
        + table(("what else", "dollars"), others)
    )


def with_prices(page: str) -> str:
    """The page with the tables between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{price_tables()}\n{END}{after}"
