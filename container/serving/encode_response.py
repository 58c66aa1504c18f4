"""Probabilities -> response body, in the form that the caller accepts."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from werkzeug.datastructures import MIMEAccept

from container.errors import RequestError
from container.serving.decode_request import JSON_TYPE, LINES_TYPES, NPY_TYPE
from container.serving.error_answer import error_body
from container.serving.explain import Explanation
from container.serving.predictor import most_likely

CSV_TYPE = "text/csv"
PNG_TYPE = "image/png"
ACCEPTED_TYPES = (JSON_TYPE, CSV_TYPE, NPY_TYPE, *LINES_TYPES)  # the first where the caller has no preference

EXPLAINED_TYPES = (JSON_TYPE, PNG_TYPE, NPY_TYPE, *LINES_TYPES)  # the same, of an answer with explanations

Outcome = Tensor | RequestError  # probabilities (K,), float32, or why this one image has none


@dataclass(frozen=True)
class Answers:
    """What became of a request's images; explanations only of those without an error, and only if asked for."""

    class_names: list[str]
    outcomes: list[Outcome]
    explanations: list[Explanation]


def choose_response_type(accept: MIMEAccept, explains: bool = False) -> str:
    """The content type of the answer. Raises RequestError 406 if the caller accepts none that we have."""
    offered = EXPLAINED_TYPES if explains else ACCEPTED_TYPES
    # Without parameters: many clients ask for `application/json; charset=utf-8`.
    plain = MIMEAccept([(value.partition(";")[0].strip(), quality) for value, quality in accept])
    chosen = plain.best_match(offered) if accept else offered[0]
    if chosen is None:
        valid = ", ".join(offered)
        raise RequestError(406, "not_acceptable", f"None of these is acceptable: {accept}; accept one of {valid}.")
    return chosen


def encode_response(answers: Answers, top_k: int, response_type: str) -> bytes:
    """The body of the answer. Raises RequestError 422 if there are several images, and the type is that of one.

    JSON: {"predictions": [{"labels": [...], "probabilities": [...]}, {"error": {...}}]}, most likely first.
    JSON Lines: a prediction or an error per image, a line each.
    CSV: a line per image: label, probability, next label, ...; or error, code, sentence.
    npy: float32 (N, K), all classes in the artifact's order whatever `top_k` is; NaN for an image with an error.
    With explanations: in JSON "explanation" beside each prediction, {"label", "map", "box"}; npy: the maps,
    float32 (N, h, w); PNG: what the network saw of the one image, with its map over it.
    """
    outcomes, class_names = answers.outcomes, answers.class_names
    if response_type == PNG_TYPE:
        return _encode_png(answers)
    if response_type == NPY_TYPE:
        return _encode_npy(answers)
    if response_type == CSV_TYPE:
        return _encode_csv(outcomes, class_names, top_k)
    explanations = iter(answers.explanations)
    items = [_json_item(outcome, class_names, top_k, explanations) for outcome in outcomes]
    if response_type in LINES_TYPES:
        return "".join(json.dumps(item, allow_nan=False) + "\n" for item in items).encode()
    return json.dumps({"predictions": items}, allow_nan=False).encode()


def _json_item(
    outcome: Outcome, class_names: list[str], top_k: int, explanations: Iterator[Explanation]
) -> dict[str, object]:
    if isinstance(outcome, RequestError):
        return dict(error_body(outcome))
    prediction = most_likely(outcome, class_names, top_k)
    item: dict[str, object] = {"labels": prediction.labels, "probabilities": prediction.probabilities}
    explanation = next(explanations, None)
    return item | {"explanation": explanation.as_json()} if explanation else item


def _encode_csv(outcomes: Sequence[Outcome], class_names: list[str], top_k: int) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_csv_row(outcome, class_names, top_k) for outcome in outcomes)
    return text.getvalue().encode()


def _csv_row(outcome: Outcome, class_names: list[str], top_k: int) -> Iterator[str | float]:
    if isinstance(outcome, RequestError):
        yield from ("error", outcome.code, str(outcome))
        return
    prediction = most_likely(outcome, class_names, top_k)
    for pair in zip(prediction.labels, prediction.probabilities, strict=True):
        yield from pair


def _encode_npy(answers: Answers) -> bytes:
    explained = iter([explanation.places for explanation in answers.explanations])
    is_explained = bool(answers.explanations)
    arrays = [
        None if isinstance(outcome, RequestError) else next(explained) if is_explained else outcome
        for outcome in answers.outcomes
    ]
    missing = torch.full(
        next((array.shape for array in arrays if array is not None), (len(answers.class_names),)), torch.nan
    )
    file = io.BytesIO()
    rows = torch.stack([missing if array is None else array for array in arrays])
    np.save(file, rows.numpy(), allow_pickle=False)
    return file.getvalue()


def _encode_png(answers: Answers) -> bytes:
    if len(answers.outcomes) != 1 or len(answers.explanations) != 1:
        raise RequestError(
            422, "not_one_image", f"{PNG_TYPE} shows one image; send one, or accept {JSON_TYPE} or {NPY_TYPE}."
        )
    return answers.explanations[0].as_png()
