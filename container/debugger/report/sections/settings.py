"""What the job was told: hyperparameters, versions and the other plain facts of metrics.json."""

from typing import Any

from container.debugger.report.collect import Content
from container.debugger.report.page import Note, Section, Table

NO_SETTINGS = "metrics.json is not there, so the hyperparameters are unknown; the job writes it at its end."
GROUPS = (("hyperparameters", "Hyperparameters"), ("versions", "Versions"))


def settings_section(content: Content) -> Section:
    tables = [
        Table(title=title, sentence="", columns=("Name", "Value"), rows=rows)
        for key, title in GROUPS
        if (rows := [[name, value] for name, value in settings_of(content.metrics, key).items()])
    ]
    return Section(id="settings", title="Settings", parts=tables or [Note(text=NO_SETTINGS)])


def settings_of(metrics: dict[str, Any], key: str) -> dict[str, str]:
    """A group of settings as text by name; empty if the run has none."""
    group = metrics.get(key)
    return {str(name): str(value) for name, value in group.items()} if isinstance(group, dict) else {}
