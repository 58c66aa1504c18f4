"""BentoML: two workers with adaptive batches of up to 8; the image comes as an upload.

    MODEL_PATH=resnet18.pt bentoml serve bench.peers.bentoml_app:Classifier --host 127.0.0.1 --port PORT

Source: BentoML's documentation, "Adaptive batching" and "Parallel requests and workers".
"""

from pathlib import Path
from typing import Any

import bentoml
import torch

from bench.peers.classify import answer, load_network, to_pixels


@bentoml.service(workers=2, traffic={"timeout": 60})
class Classifier:
    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.network = load_network()

    @bentoml.api(  # type: ignore[untyped-decorator]
        batchable=True, max_batch_size=8, max_latency_ms=60_000, route="/invocations"
    )
    def predict(self, images: list[Path]) -> list[dict[str, list[Any]]]:
        return answer(self.network, [to_pixels(path.read_bytes()) for path in images])
