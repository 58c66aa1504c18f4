"""A search for good hyperparameters on this machine: trials are training jobs, chosen by Optuna's TPE sampler.

Ranges and objective are those of SageMaker's tuning jobs, of `deploy tune`. A trial that is worse than the median of
the earlier ones after as many epochs is stopped. The same command goes on where a study was stopped. With a frozen
backbone the trials share its features, which are computed once.
"""

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import Trial
from tqdm import tqdm

from container.errors import UserError
from local_test.image import DEFAULT_IMAGE, EngineError, require_image
from local_test.interrupts import INTERRUPTED, exit_status
from local_test.train_local import add_channel_options, chosen_channels, pair
from local_test.tune_report import REPORT_FILE, write_tuning_report
from local_test.tuning import lock, results
from local_test.tuning.cores import default_parallel, share_cores
from local_test.tuning.search_space import DEFAULT_SPACE, Space, as_text, read_space
from local_test.tuning.study import open_study
from local_test.tuning.trial_job import Launcher
from local_test.tuning.tuner import Tuner

EXAMPLES = """examples:
  python -m local_test.tune data/dogImages --trials 20
  python -m local_test.tune photos --no-docker --space ranges.toml -p backbone=resnet34 -p num_epochs=8

Run it again with the same --run to go on, and with more --trials to add some."""


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        space = chosen_space(options)
        channels = chosen_channels(options)
        if not options.no_docker:
            require_image(options.image)
        features_dir = options.run / "features"
        features_dir.mkdir(parents=True, exist_ok=True)
        launcher = Launcher(
            channels=channels, features_dir=features_dir, image=None if options.no_docker else options.image
        )
        with lock.holding(options.run / "lock") as is_mine:
            if not is_mine:
                raise UserError(f"{options.run} is being tuned by another process; wait for it or give another --run.")
            with open_study(options.run, space, options.data, options.trials) as study:
                return tune(study, space, launcher, options)
    except (UserError, EngineError) as error:
        print(error, file=sys.stderr)
        return 1


def tune(study: optuna.Study, space: Space, launcher: Launcher, options: argparse.Namespace) -> int:
    """Run the study to its end or to an interruption; the exit status."""

    def told(trial: Trial) -> None:
        trials = save(study, space, options.run, running="InProgress")
        row = next(row for row in trials["trials"] if row["number"] == trial.number + 1)
        tqdm.write(results.progress_line(row, trials, options.trials))
        sys.stdout.flush()
        bar.update()

    bar = tqdm(
        total=options.trials,
        initial=sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False)),
        desc="trials",
        unit="trial",
        disable=None,
        leave=False,
    )
    is_done = Tuner(
        study=study,
        space=space,
        run_dir=options.run,
        launcher=launcher,
        trials=options.trials,
        seed=options.seed,
        free_cores=share_cores(options.parallel),
        told=told,
    ).run()
    bar.close()
    trials = save(study, space, options.run, running="Stopped")
    return conclude(trials, is_done, options)


def save(study: optuna.Study, space: Space, run_dir: Path, *, running: str) -> dict[str, Any]:
    """The trials so far, which are also written down, with their page and the link to the best one."""
    trials = results.trials_of(study, space, running=running)
    results.write_trials(trials, run_dir)
    write_tuning_report(trials, run_dir / REPORT_FILE)
    if best := results.best_trial(trials):
        results.link_best(run_dir, best["name"])
    return trials


def conclude(trials: dict[str, Any], is_done: bool, options: argparse.Namespace) -> int:
    """Print the table and what to do next; the exit status."""
    best = results.best_trial(trials)
    image = "" if options.image == DEFAULT_IMAGE else f" --image {options.image}"
    where = " --no-docker" if options.no_docker else image
    print(f"\n{results.table(trials)}\n\nReport: {(options.run / REPORT_FILE).absolute().as_uri()}")
    if best:
        print(f"Serve the best: python -m local_test.serve_local {options.run / best['name']}{where}")
        print(f"Train it by itself, in bf16 and int8 too: {train_command(trials, best, options)}{where}")
    if not is_done:
        print("Stopped, and nothing is left running; the same command goes on from here.")
        return INTERRUPTED
    if best:
        return 0
    log = options.run / "trial-001" / "log.txt"
    print(f"No trial came to its end; see {log}, mend what it says, and give another --run.", file=sys.stderr)
    return 1


def train_command(trials: dict[str, Any], best: dict[str, Any], options: argparse.Namespace) -> str:
    """The command that trains with the best hyperparameters and all that a trial goes without."""
    chosen = {**trials["fixed"], **best["hyperparameters"]}
    parameters = [f"-p {name}={shlex.quote(value)}" for name, value in sorted(chosen.items()) if name != "debugger"]
    weights = [f"--weights {options.weights}"] if options.weights else []
    command = ["python -m local_test.train_local", str(options.data), f"--run {options.run}-best"]
    return " ".join([*command, *weights, *parameters])


def chosen_space(options: argparse.Namespace) -> Space:
    """The space of --space, where -p fixes what it names. Raises SettingsError."""
    space = read_space(options.space) if options.space else DEFAULT_SPACE
    given = as_text(dict(options.parameters), "-p")
    parameters = tuple(parameter for parameter in space.parameters if parameter.name not in given)
    if not parameters:
        raise UserError("-p fixes every hyperparameter of the search space, so nothing is left to tune; drop one.")
    return dataclasses.replace(space, parameters=parameters, fixed={"debugger": "false", **space.fixed, **given})


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local_test.tune",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_channel_options(parser)
    parser.add_argument("--run", type=Path, default=Path("runs/tune"), help="folder for the study (default: runs/tune)")
    parser.add_argument("--trials", type=positive, default=20, help="trials in all (default: 20)")
    parser.add_argument("--space", type=Path, help="TOML file with ranges (default: those of the original project)")
    parser.add_argument(
        "--parallel",
        type=positive,
        default=default_parallel(),
        help="trials at a time (default: one per core, at most 4; 1 on a GPU)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the choices (default: 0)")
    parser.add_argument("--image", default=DEFAULT_IMAGE, help=f"image to run (default: {DEFAULT_IMAGE})")
    parser.add_argument("--no-docker", action="store_true", help="run trials as processes instead of in the image")
    parser.add_argument(
        "-p", dest="parameters", metavar="NAME=VALUE", type=pair, action="append", default=[],
        help="a hyperparameter that every trial gets; it is taken out of the ranges",
    )  # fmt: skip
    return parser.parse_args(arguments)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(exit_status(main))
