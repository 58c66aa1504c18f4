"""SageMaker's names: folders, files, variables and the metric lines that its regular expressions read.

Source: the developer guide's pages "How Amazon SageMaker Runs Your Training Image" and
"Custom Inference Code with Hosting Services".
"""

from pathlib import Path

BASE_DIR = Path("/opt/ml")
BASE_DIR_VARIABLE = "SAGEMAKER_BASE_DIR"  # the training toolkit reads the same one

HYPERPARAMETERS_FILE = "hyperparameters.json"
RESOURCE_CONFIG_FILE = "resourceconfig.json"
INPUT_DATA_CONFIG_FILE = "inputdataconfig.json"
CHECKPOINT_CONFIG_FILE = "checkpointconfig.json"
DEBUG_HOOK_CONFIG_FILE = "debughookconfig.json"
PROFILER_CONFIG_FILE = "profilerconfig.json"

RESERVED_PREFIXES = ("sagemaker_", "_tuning_")  # hyperparameters that SageMaker adds, not a person
TUNING_OBJECTIVE = "_tuning_objective_metric"  # the one that only a tuning job's trials have

TRAIN_CHANNELS = ("train", "training")
VALID_CHANNELS = ("valid", "validation")
TEST_CHANNELS = ("test",)
PRETRAINED_CHANNELS = ("pretrained",)
FEATURES_CHANNELS = ("features",)  # features that another job has computed; never written to

# Ours: the folder where a job keeps features, where it is not the one beside its checkpoints.
FEATURES_DIR_VARIABLE = "CLASSIFIER_FEATURES_DIR"

MULTI_MODEL_VARIABLE = "SAGEMAKER_MULTI_MODEL"  # `true` on an endpoint that loads models by name
MODELS_DIR = "models"  # below the base folder, each model of such an endpoint in a folder of its own
MAX_PAYLOAD_VARIABLE = "SAGEMAKER_MAX_PAYLOAD_IN_MB"  # of a batch transform job
BIND_TO_PORT_VARIABLE = "SAGEMAKER_BIND_TO_PORT"
DEFAULT_PORT = 8080
CUSTOM_ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"
INFERENCE_ID_HEADER = "X-Amzn-SageMaker-Inference-Id"

FAILURE_LIMIT = 1024  # characters of the failure file that reach FailureReason
STOP_GRACE_SECONDS = 120  # between SIGTERM and SIGKILL of a training job
SERVE_GRACE_SECONDS = 30  # the same for an endpoint's container

MODEL_FILE = "model.pt"
# The same model in every precision that it may have been exported in; only the first is always there.
MODEL_FILES = {"fp32": MODEL_FILE, "bf16": "model-bf16.pt", "int8": "model-int8.pt"}
METRICS_FILE = "metrics.json"
PREDICTIONS_FILE = "predictions.csv"  # of every image that the exported model was measured on
SKIPPED_FILES_FILE = "skipped_files.csv"  # what was no readable image; not there where all were
CHECKPOINT_PATTERN = "checkpoint-*.pt"

# What Debugger and Profiler write. The first two are the platform's defaults, which its own files can change; the
# others lie below /opt/ml/output/data, which is uploaded with every job.
TENSORS_DIR = BASE_DIR / "output" / "tensors"
PROFILER_DIR = BASE_DIR / "output" / "profiler"
RULES_DIR = "rules"  # <Rule>.json of every tensor rule
PROFILER_REPORT_DIR = "ProfilerReport/profiler-output"  # profiler-report.html
PROFILER_REPORT_FILE = "profiler-report.html"
PROFILER_RULES_DIR = f"{PROFILER_REPORT_DIR}/profiler-reports"  # <Rule>.json of every profiler rule
END_OF_JOB_FILE = "training_job_end.ts"  # the platform's mark in a folder that nothing more will be written to

# One line per metric, printed by rank 0 only. No name is the tail of another's, so each regex reads one metric.
# "Average loss" is the validation loss: the objective of the original project's tuning job.
METRICS = (
    "Train loss",
    "Train accuracy",
    "Average loss",
    "Accuracy",
    "Test loss",
    "Test accuracy",
    "Images per second",
)


def metric_line(name: str, value: float) -> str:
    """The line that CloudWatch and a tuning job read, such as `Average loss: 0.431200`."""
    assert name in METRICS, name
    return f"{name}: {value:.6f}"


def metric_regex(name: str) -> str:
    """The regular expression for a metric definition; its first group is the number."""
    assert name in METRICS, name
    return rf"{name}: ([0-9\.]+)"


def rule_metric_line(rule: str, triggered: int) -> str:
    """The line that tells CloudWatch and a tuning job how often a rule found an issue: `Rule Overfit: 2`."""
    return f"Rule {rule}: {triggered}"


def rule_metric_regex(rule: str) -> str:
    return rf"Rule {rule}: ([0-9\.]+)"
