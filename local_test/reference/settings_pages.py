"""Pages of what can be set: hyperparameters, variables of the server, settings of deploy. From their schemas."""

from collections.abc import Callable

from container import contract
from container.hyperparameters import Hyperparameters
from container.schema import describe
from container.serving.settings import PREFIX, ServeSettings
from deploy.settings import DeploySettings
from local_test.reference.markdown import code, table

HEAD = ("name", "type", "default", "allowed", "meaning")


def hyperparameters_page() -> str:
    return (
        "# Hyperparameters\n\n"
        "A SageMaker job takes them as text; `make train` and `local_test.train_local` by `-p NAME=VALUE`. A wrong "
        "name or value ends the job in its first second.\n\n"
        + _table(Hyperparameters, str)
        + f"\n`{contract.FEATURES_DIR_VARIABLE}`, a variable of the environment, names the folder in which a training "
        "job keeps cached features, and which jobs may share; without it that is `features` in the folder of "
        "checkpoints. The channel `features` is a folder of such files that is only read.\n"
    )


def server_page() -> str:
    return (
        "# The server's environment variables\n\n"
        f"`{contract.BIND_TO_PORT_VARIABLE}` wins over `{PREFIX}PORT`; `{contract.BASE_DIR_VARIABLE}` stands for "
        f"`{contract.BASE_DIR}`; `{contract.MULTI_MODEL_VARIABLE}=true` makes a server that loads models by name "
        "([multi-model endpoints](../multi_model.md)).\n\n" + _table(ServeSettings, lambda name: PREFIX + name.upper())
    )


def deploy_settings_page() -> str:
    return (
        "# Settings of deploy\n\nIn `deploy.toml`, or by `--set NAME=VALUE` ([commands](commands.md#python--m-deploy))."
        "\n\n" + _table(DeploySettings, str)
    )


def _table(cls: type, spell: Callable[[str], str]) -> str:
    return table(
        HEAD,
        (
            (code(spell(row["name"])), row["type"], code(row["default"]), row["allowed"], row["help"])
            for row in describe(cls)
        ),
    )
