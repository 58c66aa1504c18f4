"""Imports run one way: every file of container/ may import only what stands above it in LAYERS."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).parents[1]
CONTAINER_DIR = PROJECT_DIR / "container"

# From what knows nothing to what knows all: files, and folders whose files may know each other, though not in circles.
# A new file is added where its imports put it.
# fmt: off
LAYERS = (
    "contract", "errors", "stop", "whole_file", "cores", "schema", "hyperparameters", "settings",
    "data.image_file", "data.decode", "data.readable_files", "data.channel_files", "data.channels",
    "data.augmentation", "data.dataset",
    "data.feature_file", "data.feature_cache", "data.feature_loader",
    "model.preprocess", "model.head", "model.own_backbones", "model.backbone", "model.network", "model.packing",
    "model.stored_weights", "model.archive",
    "model.artifact", "model.activation_maps", "model.precision", "model.quantize", "model.low_precision",
    "debugger.verdict", "debugger.smdebug_setup", "debugger.debugger", "debugger.tensors", "debugger.profiler",
    "debugger.rules", "debugger.profiler_rules", "debugger.facts", "debugger.report", "debugger.judge",
    "debugger.last_host", "debugger.companions", "debugger.start",
    "training.workers", "training.memory", "training.failure", "training.metrics", "training.checkpoint",
    "training.calibration", "training.optimization", "training.distributed", "training.splits", "training.loop",
    "training.progress",
    "training.results", "training.build", "training.feature_keys", "training.features", "training.feature_build",
    "training.job", "training.measurement", "training.predictions", "training.debugging", "training.export",
    "training.variant_trial", "training.variants", "training.finish",
    "training.run", "training.train", "training.launch",
    "serving.settings", "serving.memory", "serving.container_memory", "serving.stopwatch", "serving.json_log",
    "serving.priority",
    "serving.batcher",
    "serving.shared_cores", "serving.device",
    "serving.predictor", "serving.load", "serving.readiness", "serving.limits", "serving.shared_table",
    "serving.metrics", "serving.held_bytes", "serving.error_answer", "serving.receiving", "serving.connection",
    "serving.worker_loop", "serving.retirement", "serving.worker",
    "serving.npy_body", "serving.encoded_images", "serving.decode_request", "serving.explain",
    "serving.encode_response", "serving.options",
    "serving.describe", "serving.demo", "serving.openapi", "serving.answer", "serving.multi_model", "serving.app",
    "serving.gunicorn_server", "serving.server",
    "entrypoint",
)
# fmt: on

# All that serving and whatever it imports may know of the rest.
SERVING_MAY_USE = {
    "contract",
    "errors",
    "stop",
    "cores",
    "schema",
    "data.decode",
    *(f"data.image_file.{path.stem}" for path in (CONTAINER_DIR / "data" / "image_file").glob("[!_]*.py")),
    "model.preprocess",
    "model.packing",
    "model.archive",
    "model.stored_weights",
    "model.artifact",
    "model.activation_maps",
    "model.precision",
}
# What laptops and deployment scripts may know: names and settings, and how a picture and a channel are read.
OUTSIDE_MAY_USE = {
    "contract",
    "errors",
    "whole_file",
    "cores",
    "schema",
    "hyperparameters",
    "settings",
    "serving.settings",
    "serving.demo.run_files",
    "data.decode",
    "data.channels",
    "data.channel_files",
}


# A run's report is made anywhere, from files alone.
READERS_OF_RUNS = ("debugger.report.", "debugger.rules.", "debugger.profiler_rules.", "debugger.verdict")


def modules(folder: Path) -> dict[str, Path]:
    """Name below the folder -> file, of every Python file that holds anything."""
    paths = [path for path in folder.rglob("*.py") if path.name != "__init__.py"]
    return {".".join(path.relative_to(folder).with_suffix("").parts): path for path in paths}


MODULES = modules(CONTAINER_DIR)


def imported(path: Path) -> set[str]:
    """Full names of everything that a file imports, wherever in it: `a.b` for `import a.b`, `from a import b`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def container_imports(path: Path) -> set[str]:
    """Modules of container/ that a file imports, without the name of the package."""
    names = {name.removeprefix("container.") for name in imported(path) if name.split(".")[0] == "container"}
    # `from container.errors import UserError` names a class in a module; `from container import errors` the module.
    found = {next((module for module in (name, name.rpartition(".")[0]) if module in MODULES), name) for name in names}
    assert found <= MODULES.keys(), f"{path} imports {found - MODULES.keys()}, which does not exist"
    return found


def reach(name: str) -> set[str]:
    """Every module of container/ that importing one module brings in, itself included."""
    found, waiting = set(), [name]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(container_imports(MODULES[module]))
    return found


def layer(module: str) -> str:
    """The entry of LAYERS that a module stands in: itself, or its folder."""
    (found,) = [entry for entry in LAYERS if module == entry or module.startswith(f"{entry}.")]
    return found


def test_the_layers_name_every_file_once() -> None:
    assert {layer(module) for module in MODULES} == set(LAYERS)


@pytest.mark.parametrize("name", MODULES)
def test_a_file_imports_only_from_its_own_layer_and_those_above_it(name: str) -> None:
    allowed = {*LAYERS[: LAYERS.index(layer(name))], *([] if layer(name) == name else [layer(name)])}
    assert {layer(module) for module in container_imports(MODULES[name])} <= allowed


def test_no_files_import_each_other_in_a_circle() -> None:
    TopologicalSorter({name: container_imports(path) for name, path in MODULES.items()}).prepare()


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("serving.")])
def test_serving_needs_nothing_of_training(name: str) -> None:
    others = {module for module in reach(name) if not module.startswith("serving.")}
    assert others <= SERVING_MAY_USE


def test_data_and_model_do_not_know_each_other() -> None:
    for one, other in (("data.", "model."), ("model.", "data.")):
        for name in MODULES:
            if name.startswith(one):
                assert not {module for module in reach(name) if module.startswith(other)}


def test_the_debugger_knows_nothing_of_training() -> None:
    for name in MODULES:
        if name.startswith("debugger."):
            assert not {module for module in reach(name) if module.startswith(("training.", "serving.", "model."))}


def test_training_needs_nothing_of_serving() -> None:
    assert not {
        module for module in reach("training.launch") | reach("training.train") if module.startswith("serving.")
    }


@pytest.mark.parametrize("name", MODULES)
def test_the_container_imports_nothing_that_stays_outside_the_image(name: str) -> None:
    roots = {imported_name.split(".")[0] for imported_name in imported(MODULES[name])}
    assert not roots & {"local_test", "deploy", "bench", "docker", "tests"}


@pytest.mark.parametrize("folder", ["local_test", "deploy"])
def test_what_runs_outside_the_image_knows_only_names_and_settings(folder: str) -> None:
    for path in modules(PROJECT_DIR / folder).values():
        known = {name for name in container_imports(path) if not name.startswith(READERS_OF_RUNS)}
        assert known <= OUTSIDE_MAY_USE, path


def test_torchscript_files_are_written_and_read_in_one_file() -> None:
    calls = ("jit.script(", "jit.trace(", "jit.save(", "jit.load(", "jit.freeze(")
    users = {name for name, path in MODULES.items() if any(call in path.read_text() for call in calls)}
    assert users == {"model.artifact"}


@pytest.mark.parametrize(
    ("package", "users"),
    [
        (
            "flask",
            {
                "serving.answer",
                "serving.app",
                "serving.demo.routes",
                "serving.gunicorn_server",
                "serving.multi_model.routes",
                "serving.options",
            },
        ),
        ("gunicorn", {"serving.connection", "serving.gunicorn_server", "serving.worker", "serving.worker_loop"}),
        ("sagemaker_training", {"training.launch"}),
        ("matplotlib", {"training.results"}),
        ("jinja2", {"debugger.report.render"}),
    ],
)
def test_a_framework_is_known_only_where_it_is_used(package: str, users: set[str]) -> None:
    found = {name for name, path in MODULES.items() if package in {item.split(".")[0] for item in imported(path)}}
    assert found == users


WITHOUT_TORCH = [
    *("contract", "errors", "schema", "hyperparameters", "settings", "training.launch", "debugger.judge.process"),
    *(name for name in MODULES if name.startswith("debugger.report.")),
]


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_what_starts_or_judges_a_job_imports_no_torch(name: str) -> None:
    for module in reach(name):
        assert not {item.split(".")[0] for item in imported(MODULES[module])} & {"torch", "torchvision"}, module


def test_packages_do_nothing_when_imported() -> None:
    assert [path for path in CONTAINER_DIR.rglob("__init__.py") if path.read_text()] == []


def test_no_module_has_a_name_that_says_nothing_or_hides_the_standard_library() -> None:
    last = {name.rpartition(".")[2] for name in MODULES}
    assert not last & {"utils", "helpers", "manager", "common"}
    assert not last & sys.stdlib_module_names
