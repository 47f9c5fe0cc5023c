"""The table of `benchmarks.products`: kept on disk row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.machine import write_result
from ceres_fast.console import bytes_text, table

NOTE = (
    "weights: random means that the backbone has seeded random weights; speed and size do not depend on them, recall "
    "does. engines are built here and not run."
)
_NOT_COMPARED = ("rows",)


class Results:
    """What has been measured; on disk after each row, and read from there by the next process.

    Parameters
    ----------
    path : pathlib.Path
        The result file.
    options : dict
        Of the command; a file made with others is refused. Paths are left out: what is in them counts, not their names.
    """

    def __init__(self, path: Path, options: dict[str, Any]) -> None:
        self.path = path
        self.options = {
            name: value for name, value in options.items() if name not in _NOT_COMPARED and not isinstance(value, Path)
        }
        self.rows: dict[str, dict[str, Any]] = {}
        if path.is_file():
            before = json.loads(path.read_text(encoding="utf-8"))
            if before["options"] != self.options:
                raise SystemExit(f"{path}: holds a result of other options; choose another --output")
            self.rows = before["rows"]

    def lacks(self, name: str) -> bool:
        """Return whether a row has not been measured."""
        return name not in self.rows

    def add(self, name: str, row: dict[str, Any]) -> None:
        """Keep a row, and write the file."""
        self.rows[name] = row
        units = {"speed": "stamps/s of ONNX Runtime on the CPU", "seconds": "of wall time", "bytes": "of the file"}
        write_result(self.path, {"units": units, "note": NOTE, "options": self.options, "rows": self.rows})

    def show(self) -> None:
        """Print the table."""
        columns = ("product", "convert s", "export s", "size", "stamps/s", "/ float32", "difference", "decisions")
        table("Exported products", (*columns, "recall", "rtx s", "rtx"), self._lines())

    def _lines(self) -> Iterator[tuple[str, ...]]:
        for name, row in self.rows.items():
            for precision, made in row["products"].items():
                if "file" not in made:
                    yield (f"{name} {precision}", made["refused"], *[""] * 9)
                    continue
                yield (
                    f"{name} {precision}{' (refused)' if 'refused' in made else ''}",
                    f"{row['conversion_seconds']:.1f}",
                    f"{made['seconds']:.1f}",
                    bytes_text(made["bytes"]),
                    *_speed(row["speed"], precision),
                    *_agreement(made["agreement"]),
                    *_engine(row["engines"]["tensorrt-rtx"].get(precision, {})),
                )


def _speed(speed: dict[str, Any], precision: str) -> tuple[str, str]:
    if "not_run" in speed:
        return "not run", ""
    return f"{speed['stamps_per_second'][precision]:,.0f}", f"{speed['over_float32'][precision]:.2f}"


def _agreement(agreement: dict[str, Any]) -> tuple[str, str, str]:
    if not agreement:
        return "none", "", ""
    recall = agreement["recall"]
    told = f"{recall['before']['value']:.4f} -> {recall['after']['value']:.4f}" if recall else "no asteroids"
    return f"{agreement['largest']:.1e}", f"{agreement['changed']} of {agreement['stamps']}", told


def _engine(engine: dict[str, Any]) -> tuple[str, str]:
    if "seconds" not in engine:
        return "not run", ""
    return f"{engine['seconds']:.1f}", bytes_text(engine["bytes"])
