"""One model in memory."""

from container.serving.predictor import Predictor


class Model:
    """A loaded model. `users` are the requests that it answers now; `turn` grows with every use."""

    def __init__(self, name: str, url: str, predictor: Predictor) -> None:
        self.name = name
        self.url = url
        self.users = 0
        self.turn = 0
        self._predictor: Predictor | None = predictor

    @property
    def predictor(self) -> Predictor:
        assert self._predictor is not None, "a model that has users is not closed"
        return self._predictor

    def close(self) -> None:
        """Let go of the network, even where somebody still holds this object."""
        self._predictor = None
