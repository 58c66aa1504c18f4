"""Jobs that take their time: moto's are over at once, and it lists no trials.

Every job is created in moto too, which so knows its tags; how it goes is told here, one step per look at it.
"""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from tests.aws.gateway import Gateway, RefusalError

BEGUN = datetime(2026, 11, 24, 12, tzinfo=UTC)
TRAINING_STEPS = ("Starting", "Downloading", "Training", "Uploading")
MESSAGES = {"Starting": "Preparing the instances for training", "Training": "Training image download completed."}
Parameters = dict[str, Any]


@dataclass
class Job:
    request: Parameters
    description: Parameters
    steps: Iterator[Parameters]  # changes of the description, one per look

    def look(self) -> Parameters:
        self.description |= next(self.steps, {})
        return self.description


def archive(files: dict[str, bytes]) -> bytes:
    """A .tar.gz of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@dataclass
class JobsStub:
    """`endings` are how the next jobs of a kind end: status and reason; without any, they complete."""

    gateway: Gateway
    jobs: dict[str, Job] = field(default_factory=dict)
    endings: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    results: dict[str, bytes] = field(default_factory=dict)  # below each training job's folder in S3
    training_steps: tuple[str, ...] = TRAINING_STEPS
    lost_answers: int = 0  # creations that take effect, but whose answer is an error

    def __post_init__(self) -> None:
        host, port = self.gateway.moto_address
        self.sagemaker, self.s3 = (
            boto3.client(name, endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
            for name in ("sagemaker", "s3")
        )
        for operation in (
            *("CreateTrainingJob", "CreateHyperParameterTuningJob", "CreateTransformJob"),
            *("DescribeTrainingJob", "DescribeHyperParameterTuningJob", "DescribeTransformJob"),
            "ListTrainingJobsForHyperParameterTuningJob",
        ):
            self.gateway.answer("sagemaker", operation, getattr(self, f"_{operation}"))

    def forget(self) -> None:
        """An account without jobs and models; moto refuses to create a tuning job twice."""
        for model in self.sagemaker.list_models()["Models"]:
            self.sagemaker.delete_model(ModelName=model["ModelName"])
        for name in self.names("HyperParameterTuningJob"):
            self.sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        self.jobs.clear()

    def names(self, noun: str) -> list[str]:
        return [name for name, job in self.jobs.items() if f"{noun}Arn" in job.description and not job.request.get("_")]

    def _ending(self, noun: str) -> Parameters:
        status, reason = (self.endings.get(noun) or [("Completed", "")]).pop(0)
        return {f"{noun}Status": status, **({"FailureReason": reason} if reason else {})}

    def _create(
        self, noun: str, request: Parameters, description: Parameters, steps: Iterator[Parameters]
    ) -> Parameters:
        name = request[f"{noun}Name"]
        if name in self.jobs:
            raise RefusalError("ResourceInUse", f"{noun} names must be unique: {name}")
        method = {"TrainingJob": "training_job", "TransformJob": "transform_job"}.get(
            noun, "hyper_parameter_tuning_job"
        )
        arn = getattr(self.sagemaker, f"create_{method}")(**request)[f"{noun}Arn"]
        shown = {key: value for key, value in request.items() if key != "Tags"}
        own = {
            f"{noun}Arn": arn,
            f"{noun}Status": "InProgress",
            "CreationTime": BEGUN + timedelta(seconds=len(self.jobs)),
        }
        self.jobs[name] = Job(request, {**shown, **own, **description}, steps)
        if self.lost_answers > 0:
            self.lost_answers -= 1
            raise RefusalError("ThrottlingException", "the answer was lost")
        return {f"{noun}Arn": arn}

    def _describe(self, noun: str, parameters: Parameters) -> Parameters:
        job = self.jobs.get(parameters[f"{noun}Name"])
        if job is None:
            raise RefusalError("ValidationException", "Requested resource not found.")
        return job.look()

    def _CreateTrainingJob(self, request: Parameters) -> Parameters:  # noqa: N802  the operations' names
        uri = f"{request['OutputDataConfig']['S3OutputPath']}/{request['TrainingJobName']}/output/model.tar.gz"
        description = {
            "SecondaryStatus": "Starting",
            "ModelArtifacts": {"S3ModelArtifacts": uri},
            "SecondaryStatusTransitions": [],
        }
        return self._create("TrainingJob", request, description, self._training(request))

    def _training(self, request: Parameters) -> Iterator[Parameters]:
        transitions: list[Parameters] = []
        for status in self.training_steps:
            at = {"Status": status, "StartTime": BEGUN, "StatusMessage": MESSAGES.get(status, "")}
            transitions.append(at)
            yield {"SecondaryStatus": status, "SecondaryStatusTransitions": list(transitions)}
        ending = self._ending("TrainingJob")
        if ending["TrainingJobStatus"] == "Completed":
            self._put_results(request)
            metric = {"MetricName": "Average loss", "Value": 0.25, "Timestamp": BEGUN}
            ending |= {"FinalMetricDataList": [metric], "TrainingTimeInSeconds": 90, "BillableTimeInSeconds": 60}
        yield {**ending, "SecondaryStatus": ending["TrainingJobStatus"]}

    def _put_results(self, request: Parameters) -> None:
        bucket, _, folder = request["OutputDataConfig"]["S3OutputPath"].removeprefix("s3://").partition("/")
        self.s3.create_bucket(Bucket=bucket)
        for name, content in self.results.items():
            self.s3.put_object(Bucket=bucket, Key=f"{folder}/{request['TrainingJobName']}/{name}", Body=content)

    def _CreateHyperParameterTuningJob(self, request: Parameters) -> Parameters:  # noqa: N802
        counters = {"Completed": 0, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0}
        objectives = {"Succeeded": 0, "Pending": 0, "Failed": 0}
        description = {"TrainingJobStatusCounters": counters, "ObjectiveStatusCounters": objectives}
        return self._create("HyperParameterTuningJob", request, description, self._tuning(request))

    def _tuning(self, request: Parameters) -> Iterator[Parameters]:
        """Three trials: the second is the best, the third fails."""
        name = request["HyperParameterTuningJobName"]
        for number in range(3):
            self._add_trial(request, number)
            yield {"TrainingJobStatusCounters": {"Completed": number, "InProgress": 1}}
        summaries = self._ListTrainingJobsForHyperParameterTuningJob({"HyperParameterTuningJobName": name})
        yield {
            **self._ending("HyperParameterTuningJob"),
            "TrainingJobStatusCounters": {"Completed": 2, "NonRetryableError": 1},
            "BestTrainingJob": summaries["TrainingJobSummaries"][1],
        }

    def _add_trial(self, request: Parameters, number: int) -> None:
        name, objective = f"{request['HyperParameterTuningJobName']}-{number:03d}-abc", None
        config = request["HyperParameterTuningJobConfig"]
        if number < 2:
            target = config["HyperParameterTuningJobObjective"]
            objective = {**target, "Value": (0.5, 0.25)[number]}
        tuned = {item["Name"]: item["MinValue"] for item in config["ParameterRanges"]["ContinuousParameterRanges"]}
        self.jobs[name] = Job(
            {"_": request["HyperParameterTuningJobName"]},
            {
                "TrainingJobName": name,
                "TrainingJobArn": f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}",
                "TrainingJobStatus": "Failed" if objective is None else "Completed",
                "SecondaryStatus": "Failed" if objective is None else "Completed",
                "CreationTime": BEGUN + timedelta(seconds=number),
                "TrainingStartTime": BEGUN,
                "TrainingEndTime": BEGUN + timedelta(seconds=30),
                "ModelArtifacts": {"S3ModelArtifacts": "s3://bucket/model.tar.gz"},
                "StoppingCondition": {},
                "AlgorithmSpecification": {"TrainingInputMode": "File"},
                "BillableTimeInSeconds": 20,
                "summary": {
                    "TunedHyperParameters": {**tuned, "batch_size": "64"},
                    **({"FinalHyperParameterTuningJobObjectiveMetric": objective} if objective else {}),
                },
            },
            iter(()),
        )

    def _ListTrainingJobsForHyperParameterTuningJob(self, parameters: Parameters) -> Parameters:  # noqa: N802
        keys = ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus", "CreationTime", "TrainingStartTime")
        trials = [
            job for job in self.jobs.values() if job.request.get("_") == parameters["HyperParameterTuningJobName"]
        ]
        return {
            "TrainingJobSummaries": [
                {**{key: job.description[key] for key in keys}, **job.description["summary"]} for job in trials
            ]
        }

    def _CreateTransformJob(self, request: Parameters) -> Parameters:  # noqa: N802
        return self._create("TransformJob", request, {}, self._transform(request))

    def _transform(self, request: Parameters) -> Iterator[Parameters]:
        yield {}
        ending = self._ending("TransformJob")
        if ending["TransformJobStatus"] == "Completed":
            self._put_predictions(request)
        yield ending

    def _put_predictions(self, request: Parameters) -> None:
        """One answer beside each object of the input."""
        source = request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        bucket, _, prefix = source.removeprefix("s3://").partition("/")
        out, _, folder = request["TransformOutput"]["S3OutputPath"].removeprefix("s3://").partition("/")
        for item in self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ()):
            key = f"{folder}/{item['Key'].removeprefix(prefix)}.out"
            self.s3.put_object(Bucket=out, Key=key, Body=b'{"predictions": []}')

    def _DescribeTrainingJob(self, parameters: Parameters) -> Parameters:  # noqa: N802
        answer = self._describe("TrainingJob", parameters)
        return {key: value for key, value in answer.items() if key != "summary"}

    def _DescribeHyperParameterTuningJob(self, parameters: Parameters) -> Parameters:  # noqa: N802
        return self._describe("HyperParameterTuningJob", parameters)

    def _DescribeTransformJob(self, parameters: Parameters) -> Parameters:  # noqa: N802
        return self._describe("TransformJob", parameters)
