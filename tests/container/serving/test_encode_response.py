import csv
import io
import json

import numpy as np
import pytest
import torch
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from container.errors import RequestError
from container.serving.encode_response import Answers, choose_response_type, encode_response

NAMES = ["001.Affenpinscher", 'a "quoted", name', "ünïcode"]
OUTCOMES = [
    torch.tensor([0.1, 0.2, 0.7]),
    RequestError(400, "undecodable_image", "Not, an image."),
    torch.tensor([1.0, 0, 0]),
]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/*", "text/csv"),
        ("text/csv", "text/csv"),
        ("application/x-npy", "application/x-npy"),
        ("application/json;q=0.3, text/csv;q=0.9", "text/csv"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
        ("application/json;q=0, */*", "text/csv"),
        ("application/json; charset=utf-8", "application/json"),
        ("text/html, image/gif, */*; q=0.2", "application/json"),
    ],
)
def test_the_caller_gets_the_type_it_prefers(accept, chosen):
    assert choose_response_type(parse_accept_header(accept, MIMEAccept)) == chosen


@pytest.mark.parametrize("accept", ["image/png", "text/html", "application/json;q=0"])
def test_a_caller_who_accepts_nothing_of_ours_gets_406(accept):
    with pytest.raises(RequestError, match="text/csv") as refusal:
        choose_response_type(parse_accept_header(accept, MIMEAccept))
    assert (refusal.value.status, refusal.value.code) == (406, "not_acceptable")


def test_json_holds_labels_and_probabilities_and_errors_in_place():
    predictions = json.loads(encode_response(Answers(NAMES, OUTCOMES, []), 2, "application/json"))["predictions"]
    assert predictions[0] == {"labels": ["ünïcode", 'a "quoted", name'], "probabilities": [0.7, 0.2]}
    assert predictions[1] == {"error": {"code": "undecodable_image", "message": "Not, an image."}}
    assert predictions[2]["labels"][0] == "001.Affenpinscher"


def test_csv_has_one_line_per_image():
    rows = list(csv.reader(io.StringIO(encode_response(Answers(NAMES, OUTCOMES, []), 2, "text/csv").decode())))
    assert rows[0] == ["ünïcode", "0.7", 'a "quoted", name', "0.2"]
    assert rows[1] == ["error", "undecodable_image", "Not, an image."]
    assert len(rows) == 3


def test_npy_has_all_classes_in_the_artifacts_order_and_nan_for_an_error():
    array = np.load(io.BytesIO(encode_response(Answers(NAMES, OUTCOMES, []), 1, "application/x-npy")))
    assert (array.dtype, array.shape) == (np.float32, (3, 3))
    np.testing.assert_array_equal(array, np.float32([[0.1, 0.2, 0.7], [np.nan] * 3, [1, 0, 0]]))


def test_a_probability_that_is_no_number_is_never_sent_as_json():
    with pytest.raises(ValueError, match="JSON compliant"):
        encode_response(Answers(NAMES, [torch.full((3,), torch.nan)], []), 1, "application/json")
