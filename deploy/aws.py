"""The only file that calls AWS: every request checked against AWS's own model, every failure a sentence."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from typing import Any

import boto3
import botocore.exceptions
import botocore.session
from botocore.config import Config
from botocore.model import OperationModel
from botocore.validate import ParamValidator
from tqdm import tqdm

from deploy.errors import AwsError, DeployError, NotFoundError
from local_test.waiting import waiting

DRY_RUN_ACCOUNT = "000000000000"  # stands where a dry run, which needs no credentials, cannot know the account
POLL_SECONDS = 15.0
POLL_VARIABLE = "DEPLOY_POLL_SECONDS"
MAX_ATTEMPTS = 8
NOT_FOUND_CODES = {"404", "NoSuchEntity", "NoSuchBucket", "NoSuchKey", "NotFound", "ResourceNotFound"}
NOT_FOUND_ENDINGS = ("NotFoundException",)
NOT_FOUND_WORDS = ("could not find", "does not exist", "not found", "cannot find")  # SageMaker's ValidationException
ADVICE = {
    "ExpiredToken": "log in again (aws sso login, or new keys)",
    "ExpiredTokenException": "log in again (aws sso login, or new keys)",
    "InvalidClientTokenId": "the keys are not valid; see `python -m deploy doctor`",
    "UnrecognizedClientException": "the keys are not valid here; see `python -m deploy doctor`",
    "AccessDenied": "give the user or role the permission that it names",
    "AccessDeniedException": "give the user or role the permission that it names",
    "ResourceLimitExceeded": "ask for a higher quota in Service Quotas, or choose another instance type",
    "ThrottlingException": "AWS is busy; run the same command again in a minute",
    "Throttling": "AWS is busy; run the same command again in a minute",
}


class Aws:
    """AWS in one region. `call` sends a request; with `dry_run` changes are printed and nothing is sent at all."""

    def __init__(self, region: str, *, dry_run: bool = False) -> None:
        self.region = region or os.environ.get("AWS_REGION") or new_session().region_name or ""
        self.dry_run = dry_run
        self._clients: dict[str, Any] = {}
        if not self.region:
            raise DeployError("No AWS region is set; give `--set region=us-east-1`, or set AWS_REGION.")

    @cached_property
    def account(self) -> str:
        return DRY_RUN_ACCOUNT if self.dry_run else str(self.read("sts", "GetCallerIdentity")["Account"])

    def read(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """What AWS answers. Raises NotFoundError where there is nothing, and in a dry run, which asks nobody."""
        self._check(service, operation, parameters)
        if self.dry_run:
            raise NotFoundError("DryRun", f"{operation} is not sent in a dry run.")
        return self._send(service, operation, parameters)

    def exists(self, service: str, operation: str, **parameters: Any) -> bool:
        try:
            self.read(service, operation, **parameters)
        except NotFoundError:
            return False
        return True

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        """Every item under `key` of a listing, page after page; none in a dry run."""
        self._check(service, operation, parameters)
        if self.dry_run:
            return
        name = botocore.xform_name(operation)
        try:
            for page in self._client(service).get_paginator(name).paginate(**parameters):
                yield from page.get(key) or ()
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            raise explain(error, service, operation, self.region) from error

    def change(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Send a request that creates, changes or deletes something; a dry run prints it as JSON and returns {}."""
        self._check(service, operation, parameters)
        if self.dry_run:
            request = {"service": service, "operation": operation, "parameters": parameters}
            print(json.dumps(request, indent=2, default=str))
            return {}
        return self._send(service, operation, parameters)

    def client(self, service: str) -> Any:
        """The plain boto3 client: for bytes, as uploads and invocations, which `change` does not print."""
        assert not self.dry_run, "a dry run sends nothing"
        return self._client(service)

    def wait(self, what: str, look: Callable[[], tuple[bool, str]]) -> None:
        """Call `look` until it says (True, ...), showing its text whenever that changes. Ctrl-C stops only the wait."""
        if self.dry_run:
            return
        shown = ""
        with waiting(what) as say:
            while True:
                is_over, text = look()
                if text != shown:
                    tqdm.write(f"{what}: {text}", file=sys.stderr)
                    say(f"{what}: {text}")
                    shown = text
                if is_over:
                    return
                time.sleep(float(os.environ.get(POLL_VARIABLE, POLL_SECONDS)))

    def _send(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        try:
            method = getattr(self._client(service), botocore.xform_name(operation))
            answer: dict[str, Any] = method(**parameters)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            raise explain(error, service, operation, self.region) from error
        return answer

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            config = Config(retries={"mode": "standard", "max_attempts": MAX_ATTEMPTS}, connect_timeout=10)
            self._clients[service] = new_session().client(service, region_name=self.region, config=config)
        return self._clients[service]

    def _check(self, service: str, operation: str, parameters: dict[str, Any]) -> None:
        """Refuse what AWS would refuse, before anything is sent: also what a dry run prints is a valid request."""
        model: OperationModel = service_model(service).operation_model(operation)
        if model.input_shape is not None:
            report = ParamValidator().validate(parameters, model.input_shape)
            assert not report.has_errors(), f"{service} {operation}: {report.generate_report()}"


@cache
def _model_files() -> Any:
    # AWS's descriptions of its services, 20 MB of JSON: read once, not once for every client.
    return botocore.session.get_session().get_component("data_loader")


@cache
def service_model(service: str) -> Any:
    session = botocore.session.get_session()
    session.register_component("data_loader", _model_files())
    return session.get_service_model(service)


def new_session() -> boto3.session.Session:
    """With credentials and region as they are now: boto3's default session keeps those of its first use."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _model_files())
    return boto3.session.Session(botocore_session=session)


def explain(error: Exception, service: str, operation: str, region: str) -> AwsError:
    """boto3's exception as one of ours: what was asked, what AWS said, what to do."""
    where = f"{service} {operation} in {region}"
    if isinstance(error, botocore.exceptions.ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        said = str(error.response.get("Error", {}).get("Message", "")).rstrip(".")
        if _is_not_found(code, said):
            return NotFoundError(code, f"{where}: {said or code}.")
        advice = ADVICE.get(code)
        return AwsError(code, f"{where} was refused ({code}: {said}){f'; {advice}' if advice else ''}.")
    if isinstance(error, botocore.exceptions.NoCredentialsError | botocore.exceptions.PartialCredentialsError):
        return AwsError("NoCredentials", "There are no AWS credentials; run `aws configure` or set AWS_PROFILE.")
    if isinstance(error, botocore.exceptions.EndpointConnectionError | botocore.exceptions.ConnectTimeoutError):
        return AwsError("NoConnection", f"{where} cannot be reached; check the network and the region's name.")
    return AwsError(type(error).__name__, f"{where} failed: {error}; run the same command again.")


def _is_not_found(code: str, said: str) -> bool:
    if code in NOT_FOUND_CODES or code.endswith(NOT_FOUND_ENDINGS):
        return True
    return code == "ValidationException" and any(words in said.lower() for words in NOT_FOUND_WORDS)
