"""Search for good hyperparameters by a tuning job, and keep the best for `train`.

Ctrl-C stops only the waiting; the same command takes the tuning job up again, and fetches its results.
"""

import argparse
from pathlib import Path
from typing import Any

from deploy import prices
from deploy.cli_values import add_hyperparameters, positive
from deploy.context import Context
from deploy.job.inputs import Inputs
from deploy.job.jobs import TUNING, Plan, begin, follow, require_completed
from deploy.job.results import read_trials, table, write_trials
from deploy.requests.tuning_job import STRATEGIES, WARM_STARTS, Search, combined, tuning_job_request
from local_test.tuning.search_space import DEFAULT_SPACE, as_text, read_space

HELP = "search for hyperparameters by a tuning job (AWS: costs money)"
EXAMPLES = """examples:
  python -m deploy tune --dry-run
  python -m deploy tune --jobs 20 --parallel 4 --set spot=true
  python -m deploy tune --space space.toml --strategy Hyperband --from image-classifier-tune-1a2b3c4d

a space.toml:
  objective = "Average loss"
  [ranges.learning_rate]
  low = 1e-4
  high = 0.05
  scaling = "Logarithmic"
  [ranges.optimizer]
  values = ["adam", "sgd"]
  [fixed]
  num_epochs = 10"""
FOLDER = Path("runs/tune")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=positive, default=8, metavar="N", help="trials in all (default: 8)")
    parser.add_argument("--parallel", type=positive, default=2, metavar="N", help="trials at a time (default: 2)")
    parser.add_argument("--space", type=Path, metavar="FILE", help="search space (default: the original project's)")
    add_hyperparameters(parser, "a hyperparameter that every trial gets")
    parser.add_argument("--strategy", choices=STRATEGIES, default=STRATEGIES[0], help="(default: Bayesian)")
    parser.add_argument("--no-early-stopping", action="store_true", help="let hopeless trials go on to their end")
    parser.add_argument("--seed", type=int, default=0, help="of the search's random choices (default: 0)")
    parser.add_argument(
        "--from", dest="parents", metavar="JOB", action="append", default=[], help="start from an earlier tuning job"
    )
    parser.add_argument("--warm-start", choices=WARM_STARTS, default=WARM_STARTS[0], help="how --from is used")
    parser.add_argument("--instances", type=positive, default=1, metavar="N", help="hosts of each trial (default: 1)")
    parser.add_argument("--again", action="store_true", help="another tuning job, though one like it has completed")


def run(context: Context) -> None:
    aws, state, options = context.aws, context.state, context.options
    search = search_of(options)
    name = begin(context, plan(context, Inputs.of(context), search), again=options.again)
    state.put(tuning_job=name)
    if aws.dry_run:
        return
    job = follow(context, TUNING, name, tell)
    trials = read_trials(context, name)
    print(table(trials, search.space))
    best = job.get("BestTrainingJob")
    if best is not None:
        hyperparameters = {**search.space.fixed, **best["TunedHyperParameters"]}
        state.put(best_training_job=best["TrainingJobName"], best_hyperparameters=hyperparameters)
    written = write_trials(trials, search.space, FOLDER / name)
    require_completed(TUNING, job)
    print("\n".join(str(path) for path in written))
    print(f"Best: {best['TrainingJobName']}\nNext: python -m deploy train" if best else "No trial gave a result.")


def search_of(options: argparse.Namespace) -> Search:
    space = read_space(options.space) if options.space else DEFAULT_SPACE
    return Search(
        space=combined(space, as_text(dict(options.parameters), "--parameter")),
        strategy=options.strategy,
        jobs=options.jobs,
        parallel=options.parallel,
        stops_early=not options.no_early_stopping,
        seed=options.seed,
        parents=tuple(options.parents),
        warm_start=options.warm_start,
    )


def plan(context: Context, inputs: Inputs, search: Search) -> Plan:
    settings, instances = context.settings, context.options.instances

    def request(name: str, origin: str) -> dict[str, Any]:
        return tuning_job_request(context, inputs, search, instances, name=name, origin=origin)

    hours = settings.max_runtime_seconds / 3600 * search.num_jobs / search.parallel
    price = prices.describe_instances(settings.train_instance_type, search.parallel * instances, hours)
    return Plan(TUNING, request, inputs.fingerprint, f"{search.num_jobs} trials, {search.parallel} at a time. {price}")


def tell(job: dict[str, Any]) -> str:
    """How many trials are in which state, and the best result so far."""
    counters = job["TrainingJobStatusCounters"]
    failed = counters.get("NonRetryableError", 0) + counters.get("RetryableError", 0)
    text = f"{job['HyperParameterTuningJobStatus']}, {counters.get('Completed', 0)} trials completed"
    for number, word in ((counters.get("InProgress", 0), "running"), (counters.get("Stopped", 0), "stopped")):
        text += f", {number} {word}" if number else ""
    text += f", {failed} failed" if failed else ""
    metric = job.get("BestTrainingJob", {}).get("FinalHyperParameterTuningJobObjectiveMetric")
    return text + (f", best {metric['MetricName']} {metric['Value']:.6g}" if metric else "")
