"""Train the final model: by default with the best hyperparameters that `tune` found, with Debugger and Profiler on.

Ctrl-C stops only the waiting; the same command takes the job up again, and fetches its results.
"""

import argparse
from typing import Any

from container.hyperparameters import Hyperparameters
from deploy import prices
from deploy.cli_values import add_hyperparameters, positive
from deploy.context import Context
from deploy.job.debugger_rules import CHOICES, rule_parts, upload_rules
from deploy.job.fetch_results import fetch_model, fetch_results
from deploy.job.inputs import Inputs
from deploy.job.jobs import TRAINING, Plan, begin, follow, require_completed
from deploy.requests.debugger_config import debugger_parts
from deploy.requests.training_job import training_job_request
from local_test.tuning.search_space import as_text

HELP = "train the final model (AWS: costs money)"
EXAMPLES = """examples:
  python -m deploy train --dry-run
  python -m deploy train -p num_epochs=10 -p fine_tune=all --instances 2 --set spot=true
  python -m deploy train --model    and then    make serve RUN=runs/<job>"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_hyperparameters(parser, "a hyperparameter, on top of the best ones of `tune`")
    parser.add_argument("--instances", type=positive, default=1, metavar="N", help="hosts of the job (default: 1)")
    parser.add_argument("--model", action="store_true", help="fetch the model too, for serving it here")
    parser.add_argument("--again", action="store_true", help="another job, though one like it has completed")
    parser.add_argument(
        "--debugger-rules",
        choices=CHOICES,
        default="none",
        help="rule jobs of SageMaker Debugger, on accounts that still have it: AWS's rules, or ours (default: none)",
    )


def run(context: Context) -> None:
    aws, state, options = context.aws, context.state, context.options
    chosen = {**(state.get("best_hyperparameters") or {}), **dict(options.parameters)}
    hyperparameters = as_text(chosen, "--parameter")
    inputs = Inputs.of(context)
    name = begin(context, plan(context, inputs, hyperparameters), again=options.again)
    state.put(training_job=name)
    if aws.dry_run:
        return
    job = follow(context, TRAINING, name, tell)
    require_completed(TRAINING, job)
    metrics = {metric["MetricName"]: metric["Value"] for metric in job.get("FinalMetricDataList", ())}
    model_data = job["ModelArtifacts"]["S3ModelArtifacts"]
    state.put(model_data=model_data, metrics=metrics, hyperparameters=hyperparameters)
    run_dir = fetch_results(context, name)
    if options.model:
        fetch_model(context, model_data, run_dir)
    print("\n".join(f"{metric}: {value:.6g}" for metric, value in metrics.items()))
    print(f"Model: {model_data}\nReport: make debug-report RUN={run_dir}\nNext: python -m deploy deploy")


def plan(context: Context, inputs: Inputs, hyperparameters: dict[str, str]) -> Plan:
    """The job, and before it is begun, the files of the rules that it needs."""
    settings, options = context.settings, context.options
    instances = options.instances
    debugger = debugger_parts(context, inputs, Hyperparameters.from_text(hyperparameters), instances)
    rules = rule_parts(context, options.debugger_rules)
    if options.debugger_rules == "own":
        upload_rules(context)

    def request(name: str, origin: str) -> dict[str, Any]:
        plain = training_job_request(context, inputs, hyperparameters, instances, name=name, origin=origin)
        return {**plain, **debugger, **rules}

    hours = settings.max_runtime_seconds / 3600
    price = prices.describe_instances(settings.train_instance_type, instances, hours)
    return Plan(TRAINING, request, inputs.fingerprint, price)


def tell(job: dict[str, Any]) -> str:
    """Where a job is: its secondary status, and what the platform says about it."""
    latest = (job.get("SecondaryStatusTransitions") or [{}])[-1]
    said = latest.get("StatusMessage", "") if latest.get("Status") == job["SecondaryStatus"] else ""
    return f"{job['SecondaryStatus']}{f' ({said})' if said else ''}"
