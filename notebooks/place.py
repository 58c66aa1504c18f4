"""Where the notebook's steps are done, on this machine or on SageMaker: the same steps and results, one switch."""

import atexit
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from container.errors import SettingsError


@dataclass
class Place(ABC):
    """Every step prints the command that it runs, which can as well be typed into a terminal."""

    runs: Path  # folder for what the notebook makes
    image: str  # the Docker image

    @abstractmethod
    def announce(self, data: Path, space: Path, trials: int) -> None:
        """Print what all the steps will create, and what that costs. Creates nothing."""

    @abstractmethod
    def prepare(self, data: Path) -> None:
        """Bring images and image to where jobs read them."""

    @abstractmethod
    def tune(self, data: Path, space: Path, trials: int) -> Path:
        """The trials.json of a search in the space of a TOML file."""

    @abstractmethod
    def train(self, data: Path, hyperparameters: Mapping[str, str]) -> Path:
        """The folder of a finished run, whose results lie in its output/data."""

    @abstractmethod
    def deploy(self) -> None:
        """Put the model of the last `train` behind an endpoint."""

    @abstractmethod
    def invoke(self, image_path: Path) -> None:
        """Print the endpoint's labels for an image."""

    @abstractmethod
    def ask(self, image_path: Path, *, accept: str = "application/json", attributes: str = "") -> bytes:
        """The endpoint's answer to an image; `attributes` are SageMaker's custom ones: `top_k=3,explain=cam`."""

    @abstractmethod
    def teardown(self) -> None:
        """Remove whatever the steps have left running; what is not there is no error."""

    @abstractmethod
    def after_failure(self) -> None:
        """What happens when a cell has ended in an error or by Ctrl-C."""

    def log(self, step: str) -> Path:
        return self.runs / f"{step}.log"


def choose_place(mode: str, *, runs: str, image: str, in_docker: bool, port: int, project: str) -> Place:
    """The place of a mode, `local` or `aws`. It hears of cells that fail. Raises SettingsError."""
    from notebooks.on_aws import OnAws
    from notebooks.on_this_machine import OnThisMachine

    place: Place
    if mode == "local":
        here = place = OnThisMachine(Path(runs), image, in_docker=in_docker, port=port)
        atexit.register(here.stop)  # where the kernel is shut down or started anew before the last cell
    elif mode == "aws":
        place = OnAws(Path(runs), image, project=project)
    else:
        raise SettingsError(f"MODE is {mode!r}; it must be 'local' or 'aws'.")
    watch_cells(place)
    return place


def watch_cells(place: Place) -> None:
    """Tell the place of every cell that ends in an error; a cell run again watches the new place only."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return

    def look(result: object) -> None:
        if not getattr(result, "success", True):
            place.after_failure()

    for earlier in [call for call in shell.events.callbacks["post_run_cell"] if call.__name__ == look.__name__]:
        shell.events.unregister("post_run_cell", earlier)
    shell.events.register("post_run_cell", look)
