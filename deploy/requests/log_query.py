"""Where the logs of a job or an endpoint are in CloudWatch."""

from typing import Any

GROUPS = {
    "TrainingJob": "/aws/sagemaker/TrainingJobs",
    "HyperParameterTuningJob": "/aws/sagemaker/TrainingJobs",  # those of its trials, whose names begin with its own
    "TransformJob": "/aws/sagemaker/TransformJobs",
    "Endpoint": "/aws/sagemaker/Endpoints",
}


def log_query(noun: str, name: str, start: int) -> dict[str, Any]:
    """FilterLogEvents' parameters; `start` is in milliseconds since the epoch."""
    group = GROUPS[noun]
    if noun == "Endpoint":
        return {"logGroupName": f"{group}/{name}", "startTime": start}
    end = "-" if noun == "HyperParameterTuningJob" else "/"
    return {"logGroupName": group, "logStreamNamePrefix": f"{name}{end}", "startTime": start}
