"""Probabilities -> response body, in the form that the caller accepts."""

import csv
import io
import json
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from werkzeug.datastructures import MIMEAccept

from container.errors import RequestError
from container.serving.decode_request import JSON_TYPE, LINES_TYPES, NPY_TYPE
from container.serving.predictor import most_likely

CSV_TYPE = "text/csv"
ACCEPTED_TYPES = (JSON_TYPE, CSV_TYPE, NPY_TYPE, *LINES_TYPES)  # the first where the caller has no preference

Outcome = Tensor | RequestError  # probabilities (K,), float32, or why this one image has none


def choose_response_type(accept: MIMEAccept) -> str:
    """The content type of the answer. Raises RequestError 406 if the caller accepts none that we have."""
    # Without parameters: many clients ask for `application/json; charset=utf-8`.
    plain = MIMEAccept([(value.partition(";")[0].strip(), quality) for value, quality in accept])
    chosen = plain.best_match(ACCEPTED_TYPES) if accept else ACCEPTED_TYPES[0]
    if chosen is None:
        valid = ", ".join(ACCEPTED_TYPES)
        raise RequestError(406, "not_acceptable", f"None of these is acceptable: {accept}; accept one of {valid}.")
    return chosen


def encode_response(outcomes: Sequence[Outcome], class_names: list[str], top_k: int, response_type: str) -> bytes:
    """The body of the answer.

    JSON: {"predictions": [{"labels": [...], "probabilities": [...]}, {"error": {...}}]}, most likely first.
    JSON Lines: a prediction or an error per image, a line each.
    CSV: a line per image: label, probability, next label, ...; or error, code, sentence.
    npy: float32 (N, K), all classes in the artifact's order whatever `top_k` is; NaN for an image with an error.
    """
    if response_type == NPY_TYPE:
        return _encode_npy(outcomes, len(class_names))
    if response_type == CSV_TYPE:
        return _encode_csv(outcomes, class_names, top_k)
    items = [_json_item(outcome, class_names, top_k) for outcome in outcomes]
    if response_type in LINES_TYPES:
        return "".join(json.dumps(item, allow_nan=False) + "\n" for item in items).encode()
    return json.dumps({"predictions": items}, allow_nan=False).encode()


def error_body(error: RequestError) -> dict[str, dict[str, str]]:
    return {"error": {"code": error.code, "message": str(error)}}


def _json_item(outcome: Outcome, class_names: list[str], top_k: int) -> dict[str, object]:
    if isinstance(outcome, RequestError):
        return dict(error_body(outcome))
    prediction = most_likely(outcome, class_names, top_k)
    return {"labels": prediction.labels, "probabilities": prediction.probabilities}


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


def _encode_npy(outcomes: Sequence[Outcome], num_classes: int) -> bytes:
    missing = torch.full((num_classes,), torch.nan)
    rows = torch.stack([missing if isinstance(outcome, RequestError) else outcome for outcome in outcomes])
    file = io.BytesIO()
    np.save(file, rows.numpy(), allow_pickle=False)
    return file.getvalue()
