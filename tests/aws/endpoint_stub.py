"""What moto lacks of endpoints and registry, on moto's own memory: updates that take time, and deletions."""

from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.sagemaker.models import FakeEndpoint, SageMakerModelBackend, sagemaker_backends

from tests.aws.conftest import REGION
from tests.aws.gateway import Gateway, RefusalError, operation_model


class Endpoints:
    """Endpoints that are created and updated step by step, one step with every DescribeEndpoint."""

    def __init__(self, aws: Gateway) -> None:
        self.rollback_reason = ""  # set it, and the next update is rolled back
        self.failure_reason = ""  # set it, and the next endpoint created fails
        self._steps: dict[str, list[dict[str, str]]] = {}
        for operation in ("DescribeEndpoint", "UpdateEndpoint", "DeleteModelPackage", "DeleteModelPackageGroup"):
            aws.answer("sagemaker", operation, getattr(self, f"_{operation}"))
        for kind in ("TrainingJob", "HyperParameterTuningJob", "TransformJob"):
            aws.answer("sagemaker", f"Stop{kind}", self._stop)

    @property
    def backend(self) -> SageMakerModelBackend:
        return sagemaker_backends[DEFAULT_ACCOUNT_ID][REGION]

    def serving(self, name: str) -> str:
        """The config that an endpoint serves with."""
        return str(self._endpoint(name).endpoint_config_name)

    def _endpoint(self, name: str) -> FakeEndpoint:
        if name not in self.backend.endpoints:
            raise RefusalError("ValidationException", f'Could not find endpoint "{name}".')
        return self.backend.endpoints[name]

    def _DescribeEndpoint(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802  the operation's name
        name = parameters["EndpointName"]
        endpoint = self._endpoint(name)
        if not hasattr(endpoint, "was_created"):
            endpoint.was_created = True
            failed = {"endpoint_status": "Failed", "failure_reason": self.failure_reason}
            end = failed if self.failure_reason else {"endpoint_status": "InService"}
            self._steps[name] = [{"endpoint_status": "Creating"}, end]
            self.failure_reason = ""
        if self._steps.get(name):
            for attribute, value in self._steps[name].pop(0).items():
                setattr(endpoint, attribute, value)
        shape = operation_model("sagemaker", "DescribeEndpoint").output_shape
        found = {
            key: value
            for key, value in endpoint.response_object.items()
            if key in shape.members and value and key != "DataCaptureConfig"
        }
        config = self.backend.endpoint_configs.get(endpoint.endpoint_config_name)
        if config is not None and config.async_inference_config:
            found["AsyncInferenceConfig"] = config.async_inference_config
        return found

    def _UpdateEndpoint(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name, config = parameters["EndpointName"], parameters["EndpointConfigName"]
        endpoint = self._endpoint(name)
        if endpoint.endpoint_status != "InService":
            raise RefusalError("ValidationException", f"Cannot update in-progress endpoint {name}.")
        if config not in self.backend.endpoint_configs:
            raise RefusalError("ValidationException", f'Could not find endpoint configuration "{config}".')
        steps: list[dict[str, str]] = [{"endpoint_status": "Updating"}]
        if self.rollback_reason:
            steps += [{"endpoint_status": "RollingBack"}]
            steps += [{"endpoint_status": "InService", "failure_reason": self.rollback_reason}]
            self.rollback_reason = ""
        else:
            steps += [{"endpoint_status": "InService", "endpoint_config_name": config}]
        self._steps[name] = steps
        endpoint.endpoint_status = "Updating"
        return {"EndpointArn": endpoint.arn}

    def _DeleteModelPackage(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if self.backend.model_packages.pop(parameters["ModelPackageName"], None) is None:
            raise RefusalError("ValidationException", f"ModelPackage {parameters['ModelPackageName']} does not exist.")
        return {}

    def _DeleteModelPackageGroup(self, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = parameters["ModelPackageGroupName"]
        if any(package.model_package_group_name == name for package in self.backend.model_packages.values()):
            raise RefusalError("ConflictException", f"ModelPackageGroup {name} still has versions.")
        if self.backend.model_package_groups.pop(name, None) is None:
            raise RefusalError("ValidationException", f"ModelPackageGroup {name} does not exist.")
        return {}

    def _stop(self, parameters: dict[str, Any]) -> dict[str, Any]:
        ((key, name),) = parameters.items()
        jobs = {
            "TrainingJobName": ("training_jobs", "training_job_status"),
            "HyperParameterTuningJobName": ("hyper_parameter_tuning_jobs", "hyper_parameter_tuning_job_status"),
            "TransformJobName": ("transform_jobs", "transform_job_status"),
        }
        folder, status = jobs[key]
        setattr(getattr(self.backend, folder)[name], status, "Stopped")
        return {}
