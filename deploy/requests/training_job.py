"""A training job: image, channels, instances, and what training and tuning jobs share."""

from typing import Any

from container import contract
from deploy.context import Context
from deploy.job.inputs import Inputs

METRIC_LIMIT = 40  # metric definitions of a job (source: CreateTrainingJob)
RETRIES = 2  # after faults of the platform's own; errors of the container are not retried
MAX_WAIT_SECONDS = 30 * 86_400  # a job with its waiting for spot instances (source: StoppingCondition)
JOBS = "jobs"  # folder of the project in S3; below it one per job: output, debug-output, profiler-output


def training_job_request(
    context: Context, inputs: Inputs, hyperparameters: dict[str, str], instances: int, *, name: str, origin: str
) -> dict[str, Any]:
    """CreateTrainingJob's parameters, without Debugger's. Checkpoints lie below the name of the first attempt.

    On several hosts they are kept for spot only, as Debugger does not work beside them there (source: developer guide).
    """
    request = {
        "TrainingJobName": name,
        "HyperParameters": hyperparameters,
        **shared_parts(context, inputs, instances),
        "Tags": context.tags,
    }
    if context.settings.spot or instances == 1:
        request["CheckpointConfig"] = checkpoint_config(context, origin)
    return request


def shared_parts(context: Context, inputs: Inputs, instances: int) -> dict[str, Any]:
    """What a training job and the definition of a tuning job's trials have in common."""
    settings = context.settings
    stopping = {"MaxRuntimeInSeconds": settings.max_runtime_seconds}
    if settings.spot:
        stopping["MaxWaitTimeInSeconds"] = min(2 * settings.max_runtime_seconds, MAX_WAIT_SECONDS)
    return {
        "AlgorithmSpecification": {
            "TrainingImage": inputs.image_uri,
            "TrainingInputMode": "File",
            "MetricDefinitions": metric_definitions(),
        },
        "RoleArn": context.role_arn,
        "InputDataConfig": [channel(name, address) for name, address in inputs.channels.items()],
        "OutputDataConfig": {"S3OutputPath": context.s3_uri(JOBS)},
        "ResourceConfig": {
            "InstanceType": settings.train_instance_type,
            "InstanceCount": instances,
            "VolumeSizeInGB": settings.volume_gb,
        },
        "StoppingCondition": stopping,
        "EnableManagedSpotTraining": settings.spot,
        "RetryStrategy": {"MaximumRetryAttempts": RETRIES},
    }


def channel(name: str, s3_uri: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": s3_uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def checkpoint_config(context: Context, name: str) -> dict[str, str]:
    return {"S3Uri": context.s3_uri("checkpoints", name), "LocalPath": str(contract.BASE_DIR / "checkpoints")}


def metric_definitions() -> list[dict[str, str]]:
    """Every metric that training prints, and how often each of the default rules found an issue."""
    # Imported here, as it brings in smdebug, and with it PyTorch where there is one.
    from container.debugger.rules.catalogue import DEFAULT_RULES

    metrics = [{"Name": name, "Regex": contract.metric_regex(name)} for name in contract.METRICS]
    rules = [{"Name": f"Rule {rule}", "Regex": contract.rule_metric_regex(rule)} for rule in DEFAULT_RULES]
    return [*metrics, *rules][:METRIC_LIMIT]
