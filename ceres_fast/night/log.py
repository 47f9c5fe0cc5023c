"""What a night says while it goes on: lines for people or JSON lines, metrics for Prometheus, a file with its state.

Prometheus: https://prometheus.github.io/client_python/
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ..console import say, table, warn, warn_once
from ..errors import CeresFastError
from ..files import write_json

STATUS = "status.json"
"""Name of the file in the output folder that says how the night stands."""

LATENCIES = (1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Seconds: bounds of the histogram of what passes from the arrival of an exposure to its table."""


class Log:
    """Lines on standard output: an event, and what is known of it.

    Parameters
    ----------
    kind : {"text", "json"}
        Sentences, or a JSON object per line with ``time`` (UTC), ``event``, and the values.
    """

    def __init__(self, kind: Literal["text", "json"] = "text") -> None:
        self._json = kind == "json"

    def event(self, event: str, sentence: str, **values: Any) -> None:
        """Say that something has happened: in a sentence, or its values."""
        if self._json:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            say(json.dumps({"time": now, "event": event, **values}, allow_nan=False))
        else:
            say(f"{datetime.now(UTC):%H:%M:%S} {sentence}")

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print a table, for people only; what it holds was said in events."""
        if not self._json:
            table(title, columns, rows, texts=[columns[-1]])

    def problem(self, message: str, **values: Any) -> None:
        """Say what went wrong, on standard error, or among the JSON lines."""
        if self._json:
            self.event("problem", message, message=message, **values)
        else:
            warn(message)


class Metrics:
    """Numbers for Prometheus: at a port, or in a text file that its node exporter collects.

    Parameters
    ----------
    place : str, optional
        A port, ``HOST:PORT``, or a file; without a host, this machine alone can ask. None: nothing is counted.

    Raises
    ------
    CeresFastError
        When the port is taken.
    """

    def __init__(self, place: str | None = None) -> None:
        self._file: Path | None = None
        self._registry: Any = None
        if place is None:
            return
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

        self._registry = registry = CollectorRegistry()
        self._tables = Counter("ceres_fast_tables", "Tables that were written", ["fate"], registry=registry)
        self._rows = Counter("ceres_fast_detections", "Detections in them", ["what"], registry=registry)
        self._steps = Counter("ceres_fast_step_seconds", "Seconds spent", ["step"], registry=registry)
        self._failures = Counter("ceres_fast_failures", "Attempts at a field that failed", registry=registry)
        self._state = Gauge("ceres_fast_files", "How the night stands", ["what"], registry=registry)
        self._looked = Gauge("ceres_fast_looked_timestamp_seconds", "When the folder was looked at", registry=registry)
        self._latency = Histogram(
            "ceres_fast_latency_seconds",
            "From the arrival of an exposure to its table",
            buckets=LATENCIES,
            registry=registry,
        )
        host, _, port = place.rpartition(":")
        if port.isdecimal():
            try:
                start_http_server(int(port), addr=host or "127.0.0.1", registry=registry)
            except (OSError, OverflowError) as error:
                raise CeresFastError(f"--metrics {place}: nothing can be offered there ({error}).") from error
        else:
            self._file = Path(place)

    def field(self, record: Any, latency: float) -> None:
        """Count a field that was written, `latency` seconds after the last of its exposures came."""
        if self._registry is None:
            return
        for exposure in record.exposures:
            self._tables.labels(exposure.fate).inc()
        for name, number in record.counts.items():
            self._rows.labels(name).inc(number)
        for name, seconds in record.seconds.items():
            self._steps.labels(name).inc(seconds)
        self._latency.observe(latency)

    def failed(self) -> None:
        """Count an attempt that failed."""
        if self._registry is not None:
            self._failures.inc()

    def state(self, numbers: Mapping[str, int]) -> None:
        """Set how many files and fields wait, run and are done; write the file, where there is one."""
        if self._registry is None:
            return
        for name, number in numbers.items():
            self._state.labels(name).set(number)
        self._looked.set_to_current_time()
        if self._file is not None:
            from prometheus_client import write_to_textfile

            try:
                write_to_textfile(os.fspath(self._file), self._registry)
            except OSError as error:  # metrics never decide what becomes of a night
                warn_once(f"metrics {self._file}", f"{self._file}: the metrics cannot be written ({error.strerror})")


def write_status(output: Path, values: Mapping[str, Any]) -> None:
    """Write how the night stands, for `ceres-fast watch --status`; a full disk costs this and nothing else."""
    try:
        write_json(output / STATUS, {"time": datetime.now(UTC).isoformat(timespec="seconds"), **values})
    except CeresFastError as error:
        warn_once(f"status {output}", str(error))
