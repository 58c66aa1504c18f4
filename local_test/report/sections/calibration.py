"""Whether the model is as often right as it says, before its temperature and with it."""

from collections.abc import Sequence

import numpy as np

from container.debugger.report import units
from container.debugger.report.page import Chart, Key, Note, Pair, Part, Section, Tile, Tiles
from local_test.report.content import Content
from local_test.report.drawings import BINS, bins_of, calibration_error, reliability
from local_test.report.run_files import Prediction
from local_test.report.sections.confusion import UNKNOWN

FEW = 200  # images in 15 bins: below, the error is mostly chance


def calibration_section(content: Content) -> Section:
    found = content.files.measured
    if not found:
        return Section(id="calibration", title="Calibration", parts=[Note(text=UNKNOWN)])
    temperature = float(content.files.metrics.get("temperature", 1.0))
    before = _bins([each.uncalibrated for each in found], found)
    after = _bins([each.probability for each in found], found)
    charts = [_chart("As trained", before, content), _chart(f"With temperature {temperature:g}", after, content)]
    parts: list[Part] = [_tiles(content, before, after, temperature), Note(text=_sentence(content, temperature))]
    parts.append(Pair(charts=charts) if temperature != 1 else charts[0])
    return Section(id="calibration", title="Calibration", parts=parts)


def _bins(probabilities: Sequence[float], found: Sequence[Prediction]) -> list[tuple[int, float, float]]:
    return bins_of(np.array(probabilities), np.array([each.is_right for each in found]))


def _tiles(
    content: Content,
    before: Sequence[tuple[int, float, float]],
    after: Sequence[tuple[int, float, float]],
    temperature: float,
) -> Tiles:
    note = f"expected calibration error on {content.files.split}, {BINS} bins"
    losses = content.files.metrics.get("calibration", {}).get(content.files.split, {})
    tiles = [Tile(label="Temperature", value=f"{temperature:.4g}")]
    if temperature == 1:
        tiles.append(Tile(label="Calibration error", value=_percent(calibration_error(after)), note=note))
    else:
        tiles.append(Tile(label="Error as trained", value=_percent(calibration_error(before)), note=note))
        tiles.append(Tile(label="Error as served", value=_percent(calibration_error(after)), note=note))
    if "uncalibrated_loss" in losses and temperature != 1:
        tiles.append(Tile(label="Loss as trained", value=units.text(losses["uncalibrated_loss"])))
        tiles.append(Tile(label="Loss as served", value=units.text(losses["loss"])))
    return Tiles(tiles=tiles)


def _percent(error: float) -> str:
    """An error in points, as it is compared with others."""
    return f"{100 * error:.1f} %"


def _sentence(content: Content, temperature: float) -> str:
    files = content.files
    reason = files.metrics.get("calibration", {}).get("reason", "")
    text = (
        f"The logits are divided by {temperature:g}, {reason}; model.pt and its other forms hold it, so that the "
        "server's probabilities are those of the second chart. No label changes by it."
        if temperature != 1
        else f"The temperature is 1, which changes nothing{': ' + reason if reason else ''}."
    )
    if files.split == "valid" and temperature != 1:
        text += " It was fitted on these very images, as there is no test channel: on others the error is larger."
    if len(files.measured) < FEW:
        text += f" {len(files.measured)} images in {BINS} bins are few: much of the error is chance."
    return text


def _chart(title: str, bins: Sequence[tuple[int, float, float]], content: Content) -> Chart:
    return Chart(
        title=title,
        sentence=f"Of the images of {content.files.split} with so much confidence, how many are named rightly.",
        drawing=reliability(bins, title),
        keys=[Key(label="named rightly", tone=1), Key(label="distance to the confidence", tone=2)],
        x_label="probability of the predicted class",
    )
