"""The table of docs/api.md names what the server takes and gives."""

import re

from container.serving.decode_request import JSON_TYPE, LINES_TYPES, MULTIPART_TYPE, NPY_TYPE, USUAL_TYPES
from container.serving.encode_response import ACCEPTED_TYPES
from tests.job_folder import PROJECT_DIR

TYPE = re.compile(r"`((?:image|application|multipart|text)/[\w.+-]+)`")


def test_the_page_names_every_content_type_that_is_usual() -> None:
    _, _, after = (PROJECT_DIR / "docs/api.md").read_text().partition("`POST /invocations` takes")
    taken, _, after = after.partition("and answers, by `Accept`")
    assert set(TYPE.findall(taken)) == {*USUAL_TYPES, JSON_TYPE, MULTIPART_TYPE, LINES_TYPES[0], NPY_TYPE}
    given = {content_type for content_type in ACCEPTED_TYPES if content_type not in LINES_TYPES[1:]}
    assert set(TYPE.findall(after.partition("\n")[0])) == given
