"""The mistakes that the model is surest of: wrong labels, look-alikes, and what it has not understood."""

from container.debugger.report.page import Note, Section
from local_test.report.content import MISTAKES, Content
from local_test.report.fragments import fragment
from local_test.report.names import short, written
from local_test.report.run_files import Prediction
from local_test.report.sections.confusion import UNKNOWN


def mistakes_section(content: Content) -> Section:
    files, found = content.files, content.mistakes
    title = "Most confident mistakes"
    if not files.measured:
        return Section(id="mistakes", title=title, parts=[Note(text=UNKNOWN)])
    if not found:
        return Section(id="mistakes", title=title, parts=[Note(text=f"No image of {files.split} was named wrongly.")])
    few = (
        f"The {MISTAKES} surest of {len(found):,} mistakes" if len(found) > MISTAKES else f"All {len(found):,} mistakes"
    )
    sentence = (
        f"{few} in {len(files.measured):,} images of {files.split}, the surest first: what it was taken for, and below "
        "what it is by its folder, each with its probability. Wrong labels are often among them."
    )
    return Section(
        id="mistakes",
        title=title,
        parts=[Note(text=sentence), fragment("cards", [_card(each, content) for each in found[:MISTAKES]])],
    )


def _card(prediction: Prediction, content: Content) -> dict[str, object]:
    return {
        "source": content.album.sources.get(prediction.path),
        "picture": content.album.number(prediction.path),
        "absent": content.album.why_absent(prediction.path),
        "alt": f"{written(prediction.label)}, taken for {written(prediction.predicted)}",
        "predicted": written(prediction.predicted),
        "label": written(prediction.label),
        "probability": f"{100 * prediction.probability:.1f} %",
        "true_probability": f"{100 * prediction.true_probability:.1f} %",
        "path": short(prediction.path),
    }
