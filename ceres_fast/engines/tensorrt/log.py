"""What TensorRT says while it works: kept, not printed."""

from __future__ import annotations

from collections import deque
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorrt as trt

_QUOTED = 3
_LONGEST = 400
_ERRORS = {"ERROR", "INTERNAL_ERROR"}
_LEFT_OUT = {"VERBOSE"}


class Log:
    """The messages of a build or a load, as (severity, text).

    Parameters
    ----------
    most : int, optional
        How many are kept, the last ones; without it, all.
    """

    def __init__(self, most: int | None = None) -> None:
        self.messages: deque[tuple[str, str]] = deque(maxlen=most)

    def add(self, severity: str, text: str) -> None:
        """Keep a message, unless it is of the kind that comes by the thousand."""
        if severity not in _LEFT_OUT:
            self.messages.append((severity, text))

    def text(self) -> str:
        """Return all of it, a line for each message."""
        return "".join(f"{severity}: {_line(text)}\n" for severity, text in self.messages)

    def errors(self) -> str:
        """Return the last errors, short enough to be quoted in one; "" where there were none."""
        said = [_line(text) for severity, text in self.messages if severity in _ERRORS]
        quoted = " / ".join(dict.fromkeys(said[-_QUOTED:]))
        return quoted if len(quoted) <= _LONGEST else quoted[: _LONGEST - 1] + "…"

    def reason(self) -> str:
        """Return the last errors, or that there were none, to be quoted where TensorRT refuses something."""
        return self.errors() or "TensorRT does not say why"

    def logger(self, module: ModuleType) -> trt.ILogger:
        """Return a logger of this TensorRT package that writes here; it must live as long as what it is given to."""

        def log(_: object, severity: trt.ILogger.Severity, message: str) -> None:
            self.add(severity.name, message)

        made: trt.ILogger = type("KeptLog", (module.ILogger,), {"log": log})()
        return made


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()
