"""The Optuna study: a SQLite file in the run's folder, TPE as its sampler and the median rule as its pruner."""

import contextlib
import dataclasses
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
from numpy.random import SeedSequence
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from container.errors import UserError
from local_test.tuning.search_space import Categorical, Continuous, Integer, Parameter, Space

STUDY_FILE = "study.db"
AUTO_LOG_RATIO = 100  # from low to high, above which "Auto" means logarithmic here


@contextlib.contextmanager
def open_study(run_dir: Path, space: Space, data_dir: Path, trials: int) -> Iterator[optuna.Study]:
    """The folder's study, begun if there is none. Raises UserError if it was begun with another space or data."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # what matters is said by the progress lines
    # SQLite: every change is a transaction. Optuna's journal file stays locked for 30 s when its holder is killed.
    storage = optuna.storages.RDBStorage(f"sqlite:///{(run_dir / STUDY_FILE).absolute()}")
    try:
        study = optuna.create_study(
            storage=storage,
            study_name="tune",
            direction=StudyDirection[space.direction.upper()],
            # The rule of SageMaker's early stopping "Auto": worse than the median of earlier trials at that epoch.
            # Not after the first epoch, whose loss says little: it was 150 for the best of eight trials from scratch.
            pruner=optuna.pruners.MedianPruner(n_startup_trials=min(5, max(3, trials // 4)), n_warmup_steps=2),
            load_if_exists=True,
        )
        _compare(study, {"space": dataclasses.asdict(space), "data": str(data_dir.absolute())}, run_dir)
        yield study
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _compare(study: optuna.Study, request: dict[str, Any], run_dir: Path) -> None:
    request = json.loads(json.dumps(request))  # as the storage gives it back
    begun = study.user_attrs.get("request")
    if begun is None:
        study.set_user_attr("request", request)
    elif begun != request:
        what = "data" if begun["data"] != request["data"] else "ranges or fixed hyperparameters"
        raise UserError(f"{run_dir} holds a study of other {what}; give another --run, or the same command again.")


def next_trial(study: optuna.Study, space: Space, seed: int, parallel: int) -> tuple[Trial, dict[str, str]]:
    """A new trial with its hyperparameters chosen."""
    study.sampler = _sampler(seed, len(study.get_trials(deepcopy=False)), parallel)
    trial = study.ask()
    return trial, _suggest(trial, space)


def unfinished_trials(
    study: optuna.Study, space: Space, seed: int, parallel: int
) -> Iterator[tuple[Trial, dict[str, str]]]:
    """The trials that a study which was stopped or killed has left, with their hyperparameters, as next_trial's."""
    for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.sampler = _sampler(seed, left.number, parallel)
        trial = Trial(study, left._trial_id)  # what was chosen before the end is kept, and the rest chosen now
        yield trial, _suggest(trial, space)


def is_logarithmic(parameter: Parameter) -> bool:
    if isinstance(parameter, Categorical) or parameter.low <= 0:
        return False
    wide = parameter.high / parameter.low >= AUTO_LOG_RATIO
    return parameter.scaling == "Logarithmic" or (parameter.scaling == "Auto" and wide)


def num_begun(study: optuna.Study) -> int:
    return sum(trial.state != TrialState.WAITING for trial in study.get_trials(deepcopy=False))


def name_of(trial: Trial | FrozenTrial) -> str:
    """Its folder's name; people count from 1."""
    return f"trial-{trial.number + 1:03d}"


def _sampler(seed: int, number: int, parallel: int) -> optuna.samplers.BaseSampler:
    """Random numbers are a function of the seed and the trial, so a study that goes on draws none a second time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=int(SeedSequence([seed, number]).generate_state(1)[0]), multivariate=True, constant_liar=parallel > 1
        )


def _suggest(trial: Trial, space: Space) -> dict[str, str]:
    """The trial's value of every parameter, as hyperparameters.json has it."""
    return {parameter.name: str(_value(trial, parameter)) for parameter in space.parameters}


def _value(trial: Trial, parameter: Integer | Continuous | Categorical) -> str | int | float:
    if isinstance(parameter, Categorical):
        return str(trial.suggest_categorical(parameter.name, parameter.values))
    suggest = trial.suggest_int if isinstance(parameter, Integer) else trial.suggest_float
    return suggest(parameter.name, parameter.low, parameter.high, log=is_logarithmic(parameter))  # type: ignore[arg-type]
