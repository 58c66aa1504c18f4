"""LitServe: two workers, batches of 8 gathered for 5 ms; the image comes as an upload, as a raw body is refused.

    MODEL_PATH=resnet18.pt python -m bench.peers.litserve_app PORT

Source: LitServe's documentation, "Batching" and "Serve on CPU".
"""

import sys
from typing import Any

import litserve
import torch
from fastapi import Request
from torch import Tensor

from bench.peers.classify import answer, load_network, to_pixels


class Classifier(litserve.LitAPI):  # type: ignore[misc]
    def setup(self, device: str) -> None:
        torch.set_num_threads(1)
        self.network = load_network()

    def decode_request(self, request: Request) -> Tensor:
        return to_pixels(request["file"].file.read())

    def batch(self, inputs: list[Tensor]) -> list[Tensor]:
        return inputs

    def predict(self, images: list[Tensor]) -> list[dict[str, list[Any]]]:
        return answer(self.network, images)

    def unbatch(self, output: list[dict[str, list[Any]]]) -> list[dict[str, list[Any]]]:
        return output

    def encode_response(self, output: dict[str, list[Any]]) -> dict[str, list[Any]]:
        return output


if __name__ == "__main__":
    api = Classifier(max_batch_size=8, batch_timeout=0.005, api_path="/invocations")
    server = litserve.LitServer(api, accelerator="cpu", devices=1, workers_per_device=2)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False)
