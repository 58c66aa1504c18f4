"""One JSON object per line on stdout: what CloudWatch Logs Insights reads without a parser."""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any

LOGGER = logging.getLogger("serve")


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """The record as one line: time, level, event, process, then the event's own fields."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "process": record.process,
        }
        line.update(getattr(record, "event_fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure(level: str) -> None:
    """Send the server's events of `level` and above to stdout."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(level.upper())
    LOGGER.propagate = False


def log_event(event: str, level: int = logging.INFO, *, exc_info: bool = False, **event_fields: Any) -> None:
    LOGGER.log(level, event, exc_info=exc_info, extra={"event_fields": event_fields})


def embedded_metrics(namespace: str) -> dict[str, Any]:
    """What makes CloudWatch read the numbers of a request's line as metrics.

    Source: CloudWatch user guide, "Embedded metric format".
    """
    metrics = [{"Name": f"{part}_ms", "Unit": "Milliseconds"} for part in ("queue", "decode", "inference", "total")]
    counts = [{"Name": name, "Unit": "Count"} for name in ("images", "bad_images")]
    directive = {"Namespace": namespace, "Dimensions": [["route"]], "Metrics": [*metrics, *counts]}
    return {"_aws": {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": [directive]}}
