"""Model folder -> predictor: which form of the model is served, and how this process runs it."""

import logging

from container.contract import MODEL_FILE
from container.errors import ArtifactError
from container.model.activation_maps import ActivationMaps
from container.model.artifact import Artifact, load_artifact
from container.model.precision import Variant, choose_variant
from container.serving.json_log import log_event
from container.serving.predictor import Predictor
from container.serving.settings import ServeSettings
from container.serving.shared_cores import Layout, SharedCores


def load_predictor(settings: ServeSettings, device: str, cores: SharedCores | None = None) -> Predictor:
    """The predictor of the chosen form of the model, which is logged. Raises ArtifactError if there is none.

    It runs on `cores`, or on some of its own.
    """
    variant, artifact = _load(settings, device)
    description = {"model": variant.path.name, "precision": artifact.precision, "device": device}
    log_event("model_loaded", reason=variant.reason, model=description)
    return Predictor(
        artifact,
        cores or SharedCores(layout_of(settings)),
        timeout_seconds=settings.timeout_seconds,
        device=device,
        description={**description, "reason": variant.reason},
        load_maps=lambda: ActivationMaps(settings.model_dir / MODEL_FILE),
    )


def layout_of(settings: ServeSettings) -> Layout:
    return Layout(
        inferences=settings.inferences,
        torch_threads=settings.torch_threads,
        lone_threads=settings.lone_threads,
        decodes=settings.decodes,
        batch_size=settings.batch_size,
        batch_wait_ms=settings.batch_wait_ms,
    )


def _load(settings: ServeSettings, device: str) -> tuple[Variant, Artifact]:
    variant = choose_variant(settings.model_dir, settings.precision, device)
    threads = sorted({settings.torch_threads, settings.lone_threads})
    try:
        return variant, load_artifact(variant.path, device, threads)
    except ArtifactError as error:
        if settings.precision != "auto" or variant.precision == "fp32":
            raise
        # Nobody asked for this form: one that is damaged must not take model.pt down with it.
        log_event("variant_unavailable", logging.WARNING, reason=str(error))
        path = choose_variant(settings.model_dir, "fp32", device).path
        whole = Variant(path, "fp32", f"fp32: {variant.path.name} cannot be loaded.")
        return whole, load_artifact(path, device, threads)
