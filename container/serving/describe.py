"""What the server tells of its model and of how batch transform is to use it."""

from typing import Any

from container.serving.predictor import Predictor
from container.serving.settings import ServeSettings

MIB = 2**20
PLATFORM_PAYLOAD_MIB = 100  # most that requests of a transform job may hold together
USUAL_PAYLOAD_MIB = 6  # the platform's own default
REQUESTS_PER_LANE = 2  # one being decoded while another is in the network


def describe_model(predictor: Predictor, settings: ServeSettings) -> dict[str, Any]:
    """The model card, the class names in the order of the probabilities, which form is served, and the limits."""
    return {
        "status": "ready",
        "model": predictor.description,
        "class_names": predictor.class_names,
        "card": predictor.card,
        "limits": describe_limits(settings),
    }


def describe_limits(settings: ServeSettings) -> dict[str, int]:
    """What a request may hold."""
    return {
        "body_bytes": settings.max_body_bytes,
        "image_pixels": settings.max_image_pixels,
        "request_pixels": settings.max_request_pixels,
        "images_per_request": settings.max_images_per_request,
    }


def execution_parameters(settings: ServeSettings) -> dict[str, int]:
    """How many requests batch transform is to send at a time, and how large: what keeps every lane busy.

    BatchStrategy is left out: the platform and the SDK's local mode spell it differently.
    Source: developer guide, "Use Your Own Inference Code with Batch Transform".
    """
    wanted = REQUESTS_PER_LANE * settings.workers * settings.inferences
    largest = max(1, min(PLATFORM_PAYLOAD_MIB, settings.max_body_bytes // MIB))
    payload = min(largest, max(USUAL_PAYLOAD_MIB, PLATFORM_PAYLOAD_MIB // max(1, wanted)))
    return {
        "MaxConcurrentTransforms": max(1, min(wanted, PLATFORM_PAYLOAD_MIB // payload)),
        "MaxPayloadInMB": payload,
    }
