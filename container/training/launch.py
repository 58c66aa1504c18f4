"""`train`: starts the training process through the SageMaker training toolkit, and passes SIGTERM on to it.

The toolkit reads /opt/ml/input/config, sets the SM_* variables, waits for the other hosts' names, and runs the script
as one process or under torchrun. Without it the same folder layout works, but none of SageMaker's own switches would.
"""

import json
import logging
import os
import signal
import socket
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from container import contract, stop
from container.debugger.companions import companions
from container.errors import TrainingError, UserError
from container.settings import TrainSettings, base_dir_from, read_json
from container.training import failure
from container.training.memory import count_kills, settings_in_words, what_to_try

SCRIPT = Path(__file__).with_name("train.py")
PROJECT_DIR = Path(__file__).parents[2]
HOSTS_TIMEOUT_SECONDS = 15 * 60  # the toolkit's own patience
KILLED = (str(-signal.SIGKILL), str(128 + signal.SIGKILL))  # as the toolkit writes statuses
TORCHRUN_FAILED = "1"  # whatever the statuses of its processes were
# Without a job around it (`docker run IMAGE train`): one host, whose name needs no look-up.
LONE_HOST = {"current_host": "localhost", "hosts": ["localhost"], "network_interface_name": ""}


def main() -> NoReturn:
    """Run the training job and end the process with its status: 0 done or stopped as asked, 1 failed."""
    base_dir = base_dir_from()
    try:
        (base_dir / "output" / "failure").unlink(missing_ok=True)  # of an earlier try on the same volume
        with TemporaryDirectory(prefix="classifier-processes-", ignore_cleanup_errors=True) as processes:
            os.environ[stop.FOLDER_VARIABLE] = processes
            signal.signal(signal.SIGTERM, lambda *_: stop.pass_on(Path(processes)))
            complete_config(base_dir / "input" / "config")
            run_toolkit(base_dir)
    except (UserError, OSError) as error:
        failure.report(error, base_dir / "output")
        sys.exit(1)


def complete_config(config_dir: Path) -> None:
    """Write the files that the toolkit cannot do without, where `docker run` was given none."""
    for name, content in (
        (contract.RESOURCE_CONFIG_FILE, LONE_HOST),
        (contract.HYPERPARAMETERS_FILE, {}),
        (contract.INPUT_DATA_CONFIG_FILE, {}),
    ):
        path = config_dir / name
        if not path.is_file():
            config_dir.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content) + "\n")


def run_toolkit(base_dir: Path) -> NoReturn:
    os.environ[contract.BASE_DIR_VARIABLE] = str(base_dir)  # the toolkit reads it when it is imported
    os.environ["SAGEMAKER_TRAINING_MODULE"] = f"{__name__}:run_script"
    # torch's threads would otherwise spin while they wait, on the cores that decode the next images.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from sagemaker_training import logging_config, trainer

    if "sagemaker_container_log_level" not in read_json(base_dir / "input" / "config" / contract.HYPERPARAMETERS_FILE):
        # At its own default it prints its whole environment, twice, before the first line of the training.
        logging_config.get_logger().setLevel(logging.WARNING)
    trainer.train()  # ends the process
    raise AssertionError("the toolkit returned")


def run_script() -> None:
    """What the toolkit calls. A person's mistake ends as a sentence in the failure file, without a traceback."""
    from sagemaker_training import errors

    try:
        start_script()
    except UserError as error:
        failure.report(error, base_dir_from() / "output")
        raise errors.ClientError(str(error)) from error  # the kind that the toolkit logs as a sentence


def start_script() -> None:
    """Run the user's own script where the job names one, else this project's training, to its end."""
    from sagemaker_training import entry_point, environment, errors, files, runner

    env = environment.Environment()
    script = env.user_entry_point or str(SCRIPT)
    settings = None if env.user_entry_point else read_settings()
    files.download_and_extract(env.module_dir, environment.code_dir)
    entry_point.install(script, environment.code_dir)  # the requirements.txt beside a user's script
    environment.write_env_vars(env.to_env_vars())
    if settings:
        # The script's folder must not shadow packages, and the project must be found from any working directory.
        os.environ["PYTHONSAFEPATH"] = "1"
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PROJECT_DIR), os.environ.get("PYTHONPATH")]))
    wait_for_hosts(env.hosts)
    distributed = len(env.hosts) > 1 or env.num_gpus > 1
    kind = runner.TorchDistributedRunnerType if distributed else runner.ProcessRunnerType
    processes, kills = Path(os.environ[stop.FOLDER_VARIABLE]), count_kills()
    beside = companions(settings, processes) if settings else nullcontext()
    try:
        with beside:
            # By keyword, and not through entry_point.run: that hands the torchrun runner these two in the wrong order,
            # whereupon a failed script counts as a success.
            runner.get(kind, script, env.to_cmd_args(), env.to_env_vars()).run(wait=True, capture_error=False)
    except errors.ExecuteUserScriptError as error:
        status = error.return_code
        is_killed = status in KILLED or (status == TORCHRUN_FAILED and bool(stop.listeners(processes)))
        death = Death(status, is_killed, is_memory=count_kills() > kills, num_hosts=len(env.hosts))
        num_processes = len(env.hosts) * max(1, env.num_gpus)
        failure.write(explain(death, settings, num_processes), base_dir_from() / "output", is_cause=is_killed)
        raise


def read_settings() -> TrainSettings:
    """This project's training's: a wrong hyperparameter ends the job here, seconds before torch is imported."""
    settings = TrainSettings.read()
    os.environ.setdefault("USE_SMDEBUG", "0")  # the toolkit would import it, for a second, to know its exceptions
    if settings.hyperparameters.debugger and settings.hyperparameters.rules != "default":
        from container.debugger.judge.rule_choice import choose_rules

        choose_rules(settings.hyperparameters.rules)
    return settings


def wait_for_hosts(hosts: list[str]) -> None:
    """Return once every host's name resolves: containers of one job come up minutes apart."""
    deadline = time.monotonic() + HOSTS_TIMEOUT_SECONDS
    for host in hosts if len(hosts) > 1 else ():
        while not _resolves(host):
            if time.monotonic() > deadline:
                raise TrainingError(f"Host {host!r} has no address after {HOSTS_TIMEOUT_SECONDS} s; see its own log.")
            time.sleep(1)


def _resolves(host: str) -> bool:
    try:
        socket.gethostbyname(host)
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Death:
    """How a training process ended that did not say so itself."""

    status: str  # the toolkit gives it as text
    is_killed: bool  # by SIGKILL, as far as can be told under torchrun
    is_memory: bool  # the kernel says that it killed for want of memory
    num_hosts: int


def explain(death: Death, settings: TrainSettings | None, num_processes: int) -> str:
    """A sentence for it. `settings` are those of this project's training, None for a user's own script."""
    if not death.is_killed:
        # torchrun ends by itself where hosts do not meet, after 15 minutes, and leaves no other word of it.
        where = "every host's log: one may have failed first, or never come up" if death.num_hosts > 1 else "the log"
        return f"The training process ended with status {death.status} before it could say why; see the end of {where}."
    cause = "because the machine's memory ran out" if death.is_memory else "most likely because memory ran out"
    if settings is None:
        return f"The training process was killed, {cause}; take less of it, or a larger machine."
    given = settings.hyperparameters
    tries = what_to_try(given, num_processes)
    return f"The training process was killed, {cause} with {settings_in_words(given)}: {tries}, or lower workers."
