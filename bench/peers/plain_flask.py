"""The peer of serving: Flask and gunicorn as tutorials put them together. Nothing of this project is in it.

    MODEL_PATH=resnet18.pt gunicorn -w 2 -b 127.0.0.1:8000 bench.peers.plain_flask:app

Each worker loads the TorchScript network when it imports this file, and torchvision's transforms prepare the image.
torch keeps its own number of threads, as many as there are cores, unless OMP_NUM_THREADS says otherwise.
Source: PyTorch's tutorial "Deploying PyTorch in Python via a REST API with Flask"; `no_grad`, which that leaves out,
is in, as without it every request would build a graph for nothing.
"""

import io
import os
from typing import Any

import torch
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from PIL import Image
from torchvision import transforms

app = Flask(__name__)
model: Any = torch.jit.load(os.environ["MODEL_PATH"])  # type: ignore[no-untyped-call]
model.eval()
transform = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)


@app.route("/ping")
def ping() -> ResponseReturnValue:
    return "", 200


@app.route("/invocations", methods=["POST"])
def invocations() -> ResponseReturnValue:
    image = Image.open(io.BytesIO(request.get_data())).convert("RGB")
    with torch.no_grad():
        logits = model(transform(image).unsqueeze(0))  # (1, K)
    probabilities, indices = torch.softmax(logits, dim=1)[0].topk(5)
    return jsonify(labels=[str(index) for index in indices.tolist()], probabilities=probabilities.tolist())
