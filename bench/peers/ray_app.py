"""Ray Serve: two replicas, batches of 8 gathered for 5 ms; the image comes as a raw body.

    MODEL_PATH=resnet18.pt python -m bench.peers.ray_app PORT

Source: Ray's documentation, "Dynamic request batching" and "Serve: performance tuning".
"""

import sys
from typing import Any

import ray
import torch
from ray import serve
from starlette.requests import Request

from bench.peers.classify import answer, load_network, to_pixels


@serve.deployment(num_replicas=2, max_ongoing_requests=100, ray_actor_options={"num_cpus": 1})
class Classifier:
    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.network = load_network()

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.005)  # type: ignore[untyped-decorator]
    async def predict(self, bodies: list[bytes]) -> list[dict[str, list[Any]]]:
        return answer(self.network, [to_pixels(body) for body in bodies])

    async def __call__(self, request: Request) -> Any:
        return await self.predict(await request.body())


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Classifier.bind(), route_prefix="/invocations", blocking=True)  # type: ignore[attr-defined]
