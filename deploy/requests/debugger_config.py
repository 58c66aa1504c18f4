"""SageMaker Debugger and Profiler of a training job: what is saved and where, and the platform's own rule jobs."""

import math
from typing import Any

from container import contract
from container.hyperparameters import Hyperparameters
from deploy.context import Context
from deploy.job.inputs import Inputs
from deploy.requests.training_job import JOBS

PROFILING_MILLISECONDS = 500
# Collections of single values and labels cost next to nothing; the rest is weights and activations.
SMALL = ("losses", "labels", "predictions")
SMALL_SNAPSHOTS, SNAPSHOTS = 500, 20  # in a whole job
UNKNOWN_STEPS = 2000  # assumed where the number of images is not known
EVAL_INTERVAL = 10
RULE_INSTANCE, RULE_VOLUME_GB = "ml.t3.medium", 10
# Rules of the original project, by the platform's names and with its own limits.
PLATFORM_RULES = ("LossNotDecreasing", "VanishingGradient", "Overfit", "Overtraining", "PoorWeightInitialization")


def debugger_parts(
    context: Context, inputs: Inputs, hyperparameters: Hyperparameters, instances: int
) -> dict[str, Any]:
    """DebugHookConfig and ProfilerConfig; empty if the hyperparameter `debugger` is false."""
    if not hyperparameters.debugger:
        return {"ProfilerConfig": {"DisableProfiler": True}}
    profiler: dict[str, Any] = {
        "S3OutputPath": context.s3_uri(JOBS),
        "ProfilingIntervalInMilliseconds": PROFILING_MILLISECONDS,
    }
    if context.settings.spot and instances > 1:  # with checkpoints on several hosts there is no Debugger
        return {"ProfilerConfig": profiler}
    return {
        "DebugHookConfig": {
            "S3OutputPath": context.s3_uri(JOBS),
            "LocalPath": str(contract.TENSORS_DIR),
            "HookParameters": {"include_workers": "one"},
            "CollectionConfigurations": collections(num_steps(inputs, hyperparameters)),
        },
        "ProfilerConfig": profiler,
    }


def collections(steps: int) -> list[dict[str, Any]]:
    """What the default rules need, saved so often that a job of any length gives about as much."""
    from container.debugger.rules.catalogue import DEFAULT_RULES, collections_for  # here, as it may bring in PyTorch

    found = []
    for name, regex in collections_for(DEFAULT_RULES).items():
        number = SMALL_SNAPSHOTS if name in SMALL else SNAPSHOTS
        parameters = {"train.save_interval": str(max(1, steps // number))}
        parameters |= {"eval.save_interval": str(EVAL_INTERVAL)} if name in SMALL else {"eval.end_step": "0"}
        if regex:
            parameters["include_regex"] = regex
        found.append({"CollectionName": name, "CollectionParameters": parameters})
    return found


def num_steps(inputs: Inputs, hyperparameters: Hyperparameters) -> int:
    images = inputs.num_files.get("train")
    if images is None:
        return UNKNOWN_STEPS
    return hyperparameters.num_epochs * math.ceil(images / hyperparameters.batch_size)


def platform_rules(image: str) -> dict[str, Any]:
    """AWS's built-in rules, each a job of its own beside the training job, and its profiler report."""
    return {
        "DebugRuleConfigurations": [
            {"RuleConfigurationName": rule, "RuleEvaluatorImage": image, "RuleParameters": {"rule_to_invoke": rule}}
            for rule in PLATFORM_RULES
        ],
        "ProfilerRuleConfigurations": [
            {
                "RuleConfigurationName": "ProfilerReport",
                "RuleEvaluatorImage": image,
                "RuleParameters": {"rule_to_invoke": "ProfilerReport"},
            }
        ],
    }


def own_rules(image: str, sources: dict[str, str]) -> dict[str, Any]:
    """This project's default rules as custom rules; `sources` are the S3 addresses of their files by name."""
    from container.debugger.rules.catalogue import DEFAULT_RULES

    return {
        "DebugRuleConfigurations": [
            {
                "RuleConfigurationName": rule,
                "RuleEvaluatorImage": image,
                "InstanceType": RULE_INSTANCE,
                "VolumeSizeInGB": RULE_VOLUME_GB,
                "RuleParameters": {
                    "source_s3_uri": source,
                    "rule_to_invoke": rule,
                    **DEFAULT_RULES[rule],
                },
            }
            for rule, source in sources.items()
        ]
    }
