"""How much each hyperparameter decided whether a trial was among the best, by PED-ANOVA.

Source: Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
Subspaces", IJCAI 2023. Optuna's fANOVA would need scikit-learn, which this project does not install for itself.
"""

import warnings
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import create_trial

from local_test.tuning.axis import Axis

ENOUGH = 6  # completed trials, below which shares would be made of chance
BEST_SHARE = 0.25  # of the trials count as the best


def importances(rows: list[dict[str, Any]], axes: dict[str, Axis], *, minimize: bool) -> dict[str, float]:
    """Share of each hyperparameter of `axes`, the largest first, summing to 1; nothing for too few trials."""
    done = [row for row in rows if row["state"] == "Completed" and axes.keys() <= row["hyperparameters"].keys()]
    varied = {name: axis for name, axis in axes.items() if axis.words[1:] or (axis.high > axis.low and not axis.words)}
    if len(done) < ENOUGH or not varied or len({row["value"] for row in done}) == 1:
        return {}
    # Here, as it imports scikit-learn where that is installed: seconds, before the first line of a study.
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    distributions: dict[str, BaseDistribution] = {
        name: CategoricalDistribution(axis.words)
        if axis.words
        else FloatDistribution(axis.low, axis.high, log=axis.is_logarithmic)
        for name, axis in varied.items()
    }
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction=StudyDirection.MINIMIZE if minimize else StudyDirection.MAXIMIZE)
    for row in done:
        chosen = row["hyperparameters"]
        params = {name: chosen[name] if axis.words else float(chosen[name]) for name, axis in varied.items()}
        study.add_trial(create_trial(value=row["value"], params=params, distributions=distributions))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=BEST_SHARE))
