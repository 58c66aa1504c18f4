"""How an endpoint is to be hosted, as the command line says it; what SageMaker would refuse is refused here first."""

import argparse
from dataclasses import dataclass, field

from container.errors import SettingsError
from container.serving.settings import PREFIX, ServeSettings
from deploy import prices
from deploy.errors import DeployError
from deploy.settings import DeploySettings

SERVERLESS_MEMORY_MB = (1024, 2048, 3072, 4096, 5120, 6144)  # developer guide, "Serverless Inference"
SERVERLESS_CONCURRENCY_LIMIT = 200
SUFFIXES = {"instance": "", "serverless": "-serverless", "asynchronous": "-async"}


@dataclass(frozen=True, kw_only=True)
class Hosting:
    kind: str = "instance"  # a key of SUFFIXES
    instance_type: str
    instances: int = 1
    memory_mb: int = 3072
    max_concurrency: int = 5
    capture_percent: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    success_topic: str = ""
    error_topic: str = ""

    def price(self) -> str:
        if self.kind != "serverless":
            return prices.describe_instances(self.instance_type, self.instances)
        second = self.memory_mb / 1024 * prices.other("serverless_gb_second")
        return f"{self.memory_mb} MB: about ${second:.6f} per second of work, nothing when idle"


def endpoint_name(project: str, kind: str) -> str:
    """An endpoint never changes its kind, so each kind has a name of its own."""
    return f"{project}{SUFFIXES[kind]}"


def add_hosting_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--instances", type=int, default=1, metavar="N", help="instances (default: 1)")
    parser.add_argument("--serverless", action="store_true", help="no instances; paid per second of work")
    parser.add_argument(
        "--memory", type=int, default=3072, metavar="MB", help="of a serverless endpoint: 1024 ... 6144"
    )
    parser.add_argument(
        "--max-concurrency", type=int, default=5, metavar="N", help="of a serverless endpoint: 1 to 200"
    )
    parser.add_argument("--asynchronous", action="store_true", help="requests wait in a queue, answers go to S3")
    parser.add_argument(
        "--success-topic", default="", metavar="ARN", help="SNS topic told of every asynchronous answer"
    )
    parser.add_argument("--error-topic", default="", metavar="ARN", help="SNS topic told of every asynchronous failure")
    parser.add_argument("--capture", type=int, default=0, metavar="PERCENT", help="requests and answers to keep in S3")
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="SERVE_NAME=VALUE",
        help="a setting of the server, as SERVE_TOP_K=3",
    )


def read_hosting(options: argparse.Namespace, settings: DeploySettings) -> Hosting:
    """Raises DeployError for what no endpoint can be."""
    if options.serverless and options.asynchronous:
        raise DeployError("An endpoint is serverless or asynchronous, not both; choose one of the two options.")
    hosting = Hosting(
        kind="serverless" if options.serverless else "asynchronous" if options.asynchronous else "instance",
        instance_type=settings.endpoint_instance_type,
        instances=options.instances,
        memory_mb=options.memory,
        max_concurrency=options.max_concurrency,
        capture_percent=options.capture,
        environment=read_environment(options.env),
        success_topic=options.success_topic,
        error_topic=options.error_topic,
    )
    if hosting.instances < 1:
        raise DeployError(f"--instances is {hosting.instances}; an endpoint starts with at least 1.")
    if not 0 <= hosting.capture_percent <= 100:
        raise DeployError(f"--capture is {hosting.capture_percent}; it must be a percentage, 0 to 100.")
    if (hosting.success_topic or hosting.error_topic) and hosting.kind != "asynchronous":
        raise DeployError("SNS topics are for asynchronous endpoints; add --asynchronous or leave them out.")
    if hosting.kind == "serverless":
        _check_serverless(hosting, options)
    return hosting


def _check_serverless(hosting: Hosting, options: argparse.Namespace) -> None:
    if hosting.memory_mb not in SERVERLESS_MEMORY_MB:
        raise DeployError(
            f"--memory is {hosting.memory_mb}; serverless endpoints have {_listed(SERVERLESS_MEMORY_MB)}."
        )
    if not 1 <= hosting.max_concurrency <= SERVERLESS_CONCURRENCY_LIMIT:
        limit = SERVERLESS_CONCURRENCY_LIMIT
        raise DeployError(f"--max-concurrency is {hosting.max_concurrency}; serverless endpoints take 1 to {limit}.")
    refused = {
        "--capture": hosting.capture_percent,
        "--split": options.split,
        "--shadow": options.shadow,
        "--instances": hosting.instances > 1,
    }
    for option, is_given in refused.items():
        if is_given:
            raise DeployError(f"A serverless endpoint has no {option}; leave it out, or deploy to instances.")


def read_environment(pairs: list[str]) -> dict[str, str]:
    """The server's settings, judged by the server's own rules. Raises DeployError with its sentence."""
    environment = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.startswith(PREFIX):
            raise DeployError(f"--env is {pair!r}; it must be {PREFIX}NAME=VALUE, as SERVE_TOP_K=3.")
        environment[name] = value
    try:
        ServeSettings.from_environment(environment, cores=1)
    except SettingsError as error:
        raise DeployError(f"--env: {error}") from error
    return environment


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers[:-1])) + f" or {numbers[-1]}"
