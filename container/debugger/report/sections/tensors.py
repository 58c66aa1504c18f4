"""How the values of weights, gradients and activations spread, step by step."""

import numpy as np

from container.debugger.report import units
from container.debugger.report.charts import bands
from container.debugger.report.collect import Content
from container.debugger.report.distributions import KINDS, LEVELS, Distribution
from container.debugger.report.page import Chart, Gallery, Note, Part, Section
from container.debugger.report.tensors import SavedTensors

SENTENCES = {
    "weights": "Weights that never move do not learn; weights that keep growing call for less learning rate.",
    "gradients": "Gradients that shrink to nothing stop learning; ones that grow without end break it.",
    "activations": "Outputs that are all zero come from dead units; they should neither vanish nor explode.",
}
COLLECTIONS = {"weights": "weights", "gradients": "gradients", "activations": "relu_output"}
HOW_TO_READ = (
    "The line is the median, the bands hold the middle 50 %, 90 % and all of the values. Of a tensor that was saved as "
    "reductions, the line is the mean and the band runs from the least to the largest value."
)


def tensors_section(content: Content) -> Section:
    tensors = content.tensors
    if tensors.missing:
        return Section(id="tensors", title="Tensors", parts=[Note(text=tensors.missing)])
    parts: list[Part] = [Note(text=HOW_TO_READ + _left_out(tensors))] if tensors.distributions else []
    for kind in KINDS:
        chosen = [found for found in tensors.distributions if found.kind == kind]
        if chosen:
            charts = [_chart(found) for found in chosen]
            parts.append(Gallery(title=kind.capitalize(), sentence=SENTENCES[kind], charts=charts))
        else:
            parts.append(
                Note(text=f"No {kind} were saved; add the collection {COLLECTIONS[kind]} to debughookconfig.json.")
            )
    return Section(id="tensors", title="Tensors", parts=parts)


def _left_out(tensors: SavedTensors) -> str:
    shown = len(tensors.distributions)
    if shown < tensors.num_tensors:
        return f" Shown are {shown} of {tensors.num_tensors} tensors, evenly chosen."
    return ""


def _chart(found: Distribution) -> Chart:
    rows = np.array(found.rows, float)  # (N, 7) or (N, 3)
    bad = f"NaN or infinity at {found.num_not_finite:,} steps! " if found.num_not_finite else ""
    last = rows[-1]
    low, high = (last[1], last[-2]) if len(last) == len(LEVELS) else (last[0], last[-1])
    share = "90 %" if len(last) == len(LEVELS) else "all"
    spread = f"in the end {share} between {units.text(float(low))} and {units.text(float(high))}"
    return Chart(
        title=found.tensor,
        sentence=bad + spread,
        drawing=bands(np.array(found.steps, float), rows, f"Distribution of {found.tensor}"),
    )
