import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from container.debugger.rules.bundle import bundle
from container.debugger.rules.catalogue import RULES
from container.errors import SettingsError
from tests.container.debugger.rules.sick_models import balanced, classifier, judge, train

# Judges a trial by every bundle in a folder, as the platform would: a file, the name of a class, parameters as text.
JUDGE = """
import importlib.util, json, sys
from pathlib import Path
from smdebug.exceptions import RuleEvaluationConditionMet
from smdebug.trials import create_trial

assert importlib.util.find_spec("container") is None
trial = create_trial(sys.argv[1])
found = {}
for path in sorted(Path(sys.argv[2]).glob("*.py")):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    rule = getattr(module, path.stem)(base_trial=trial)
    met = []
    for step in trial.steps():
        try:
            rule.invoke(step)
        except RuleEvaluationConditionMet:
            met.append(step)
    found[path.stem] = [met, rule.datapoints, rule.issues]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run with several illnesses: a dead layer, then a learning rate that is far too high."""
    model = classifier()
    with torch.no_grad():
        model.fc2.bias.fill_(-1000)
    folder = tmp_path_factory.mktemp("bundle") / "run"
    return train(folder, model, [balanced(120)] * 12, learning_rate=20, valid=balanced(), evaluate_every=3)


@pytest.mark.parametrize("name", [*RULES, "StalledTrainingRule"])
def test_a_bundle_is_old_python_and_knows_no_project(name: str) -> None:
    source = bundle(name)
    tree = ast.parse(source, feature_version=(3, 7))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {str(module).partition(".")[0] for module in modules} <= {"numpy", "smdebug", *sys.stdlib_module_names}
    # The standard library of 3.7 has neither of these.
    assert "removeprefix(" not in source
    assert "strict=" not in source


def test_bundles_judge_as_the_rules_do_without_the_project(trial: Any, tmp_path: Path) -> None:
    for name in RULES:
        (tmp_path / f"{name}.py").write_text(bundle(name))
    done = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", JUDGE, trial.path, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for name, rule in RULES.items():
        ours = rule(trial)
        met = judge(ours)
        assert found[name] == [met, ours.datapoints, ours.issues], name
    assert sum(bool(met) for met, _, _ in found.values()) >= 5


def test_an_unknown_rule_cannot_be_bundled() -> None:
    with pytest.raises(SettingsError, match="NoSuchRule"):
        bundle("NoSuchRule")
