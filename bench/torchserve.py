"""What TorchServe wants before it starts: the network and its handler in an archive, and settings in two files."""

import shutil
import subprocess
from pathlib import Path

from bench.errors import BenchError

HANDLER = Path(__file__).parent / "peers" / "torchserve_handler.py"
MODEL_SETTINGS = "minWorkers: 2\nmaxWorkers: 2\nbatchSize: 8\nmaxBatchDelay: 5\n"
LOG_SETTINGS = """<Configuration status="warn">
  <Appenders><Console name="console"><PatternLayout pattern="%d %p %c %m%n"/></Console></Appenders>
  <Loggers><Root level="warn"><AppenderRef ref="console"/></Root></Loggers>
</Configuration>
"""  # by default it writes a dozen lines for each request


def prepare_torchserve(bin_dir: Path, model_path: Path, folder: Path, ports: list[int]) -> list[str]:
    """Its command, once `folder` holds what it needs. `ports`: for inference, management and metrics.

    Raises BenchError if Java is missing or the network cannot be packed.
    """
    if shutil.which("java") is None:
        raise BenchError(
            "TorchServe needs Java 17 and `java` is not on PATH; install it: `apt-get install openjdk-17-jre-headless`."
        )
    store = folder / "store"
    store.mkdir(parents=True, exist_ok=True)
    (folder / "server.properties").write_text(server_settings(ports))
    (folder / "log4j2.xml").write_text(LOG_SETTINGS)
    (folder / "model.yaml").write_text(MODEL_SETTINGS)
    _pack(bin_dir / "torch-model-archiver", model_path, folder / "model.yaml", store)
    command = [str(bin_dir / "torchserve"), "--start", "--foreground", "--disable-token-auth", "--no-config-snapshots"]
    command += [f"--model-store={store}", f"--ts-config={folder / 'server.properties'}"]
    command += [f"--log-config={folder / 'log4j2.xml'}"]
    return [*command, "--models", "resnet18=resnet18.mar"]


def server_settings(ports: list[int]) -> str:
    """The text of its properties file; the metrics that it would take of the machine each minute are off."""
    names = ("inference_address", "management_address", "metrics_address")
    addresses = [f"{name}=http://127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)]
    return "\n".join([*addresses, "disable_system_metrics=true"]) + "\n"


def _pack(archiver: Path, model_path: Path, settings_path: Path, store: Path) -> None:
    command = [str(archiver), "--model-name=resnet18", "--version=1.0", "--force"]
    command += [f"--serialized-file={model_path}", f"--handler={HANDLER}"]
    command += [f"--config-file={settings_path}", f"--export-path={store}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"torch-model-archiver failed: {done.stderr.strip()[-800:]}")
