"""A tuning job: the search space, the strategy that searches it, and the job that every trial is."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from container.hyperparameters import Hyperparameters
from deploy.context import Context
from deploy.errors import DeployError
from deploy.job.inputs import Inputs
from deploy.requests.training_job import checkpoint_config, shared_parts
from local_test.tuning.search_space import Categorical, Continuous, Integer, Space

STRATEGIES = ("Bayesian", "Random", "Hyperband", "Grid")
WARM_STARTS = ("IdenticalDataAndAlgorithm", "TransferLearning")
MAX_PARENTS = 5  # earlier tuning jobs that one may start from (source: HyperParameterTuningJobWarmStartConfig)


@dataclass(frozen=True, kw_only=True)
class Search:
    """How the space is searched. Raises DeployError for what SageMaker would refuse."""

    space: Space
    strategy: str = "Bayesian"
    jobs: int = 8
    parallel: int = 2
    stops_early: bool = True
    seed: int = 0
    parents: tuple[str, ...] = ()
    warm_start: str = WARM_STARTS[0]

    def __post_init__(self) -> None:
        if len(self.parents) > MAX_PARENTS:
            raise DeployError(f"--from names {len(self.parents)} tuning jobs; at most {MAX_PARENTS} are possible.")
        ranges = [item.name for item in self.space.parameters if not isinstance(item, Categorical)]
        if self.strategy == "Grid" and ranges:
            raise DeployError(
                f"Grid tries lists of values only, and {', '.join(ranges)} {'has' if len(ranges) == 1 else 'have'} a "
                "range; give `values` in the file of --space, or choose another --strategy."
            )
        if not 1 <= self.parallel <= self.num_jobs:
            raise DeployError(f"--parallel is {self.parallel}; it must be 1 to {self.num_jobs}, the number of trials.")

    @property
    def num_jobs(self) -> int:
        """A grid has as many trials as there are combinations."""
        if self.strategy != "Grid":
            return self.jobs
        return math.prod(len(item.values) for item in self.space.parameters if isinstance(item, Categorical))


def tuning_job_request(
    context: Context, inputs: Inputs, search: Search, instances: int, *, name: str, origin: str
) -> dict[str, Any]:
    """CreateHyperParameterTuningJob's parameters."""
    definition = {"StaticHyperParameters": search.space.fixed, **shared_parts(context, inputs, instances)}
    if context.settings.spot:
        definition["CheckpointConfig"] = checkpoint_config(context, origin)
    request: dict[str, Any] = {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": tuning_config(search),
        "TrainingJobDefinition": definition,
        "Tags": context.tags,
    }
    if search.parents:
        request["WarmStartConfig"] = {
            "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": parent} for parent in search.parents],
            "WarmStartType": search.warm_start,
        }
    return request


def tuning_config(search: Search) -> dict[str, Any]:
    limits = {"MaxParallelTrainingJobs": search.parallel}
    if search.strategy != "Grid":  # which refuses a number that is not its own
        limits["MaxNumberOfTrainingJobs"] = search.jobs
    hyperband = search.strategy == "Hyperband"
    config: dict[str, Any] = {
        "Strategy": search.strategy,
        "HyperParameterTuningJobObjective": {"Type": search.space.direction, "MetricName": search.space.objective},
        "ResourceLimits": limits,
        "ParameterRanges": parameter_ranges(search.space),
        # Hyperband stops trials by itself, and takes no other.
        "TrainingJobEarlyStoppingType": "Auto" if search.stops_early and not hyperband else "Off",
        "RandomSeed": search.seed,
    }
    if hyperband:
        config["StrategyConfig"] = {
            "HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": most_epochs(search.space)}
        }
    return config


def parameter_ranges(space: Space) -> dict[str, Any]:
    """What is searched, with every number as text."""
    return {
        "IntegerParameterRanges": [_range(item) for item in space.parameters if isinstance(item, Integer)],
        "ContinuousParameterRanges": [_range(item) for item in space.parameters if isinstance(item, Continuous)],
        "CategoricalParameterRanges": [
            {"Name": item.name, "Values": list(item.values)}
            for item in space.parameters
            if isinstance(item, Categorical)
        ],
    }


def _range(item: Integer | Continuous) -> dict[str, str]:
    return {
        "Name": item.name,
        "MinValue": f"{item.low:.10g}",
        "MaxValue": f"{item.high:.10g}",
        "ScalingType": item.scaling,
    }


def most_epochs(space: Space) -> int:
    """The epochs of the longest possible trial."""
    for item in space.parameters:
        if item.name == "num_epochs":
            return max(map(int, item.values)) if isinstance(item, Categorical) else int(item.high)
    return Hyperparameters.from_text(dict(space.fixed)).num_epochs


def combined(space: Space, parameters: dict[str, str]) -> Space:
    """The space with more fixed hyperparameters. Raises DeployError for one that is searched."""
    for item in space.parameters:
        if item.name in parameters:
            raise DeployError(f"--parameter {item.name} is searched; take it out of the space, or leave it out here.")
    return dataclasses.replace(space, fixed={**space.fixed, **parameters})
