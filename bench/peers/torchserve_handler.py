"""TorchServe's handler: a batch of raw JPEGs through the network at once.

torch-model-archiver packs it; bench/peers/torchserve.py starts the server with two workers, batches of 8 and 5 ms.
Source: TorchServe's "Custom Service" and "Batch Inference with TorchServe".
"""

from typing import Any

import torch

from bench.peers.classify import answer, load_network, to_pixels


class Handler:
    def initialize(self, context: Any) -> None:
        torch.set_num_threads(1)
        self.network = load_network()
        self.initialized = True

    def handle(self, requests: list[dict[str, Any]], context: Any) -> list[dict[str, list[Any]]]:
        predictions = answer(self.network, [to_pixels(bytes(request["body"])) for request in requests])
        # Its own 200 comes without the word, and h2load reads no status from such a line.
        context.set_all_response_status(code=200, phrase="OK")
        return predictions
