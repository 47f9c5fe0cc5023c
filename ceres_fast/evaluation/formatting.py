"""How values are written in documents: numbers in one way, and templates in which no value can be markup."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, TypeGuard

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

NONE = "–"
"""In the place of a number that there is not."""

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"}
"""Written as entities, because a backslash does not escape them in every flavour of Markdown, nor in its tables."""

_SPACES = re.compile(" +")

_MARKS = re.compile(r"[\\`*_\[\]~$]")


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def decimals(value: Any, digits: int = 3) -> str:
    """Return a number with thousands separators and so many decimals; `NONE` where it is not one."""
    return f"{value:,.{digits}f}" if is_number(value) else NONE


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with what it counts: "1 field", "1,200 fields"; `several` where it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def value_of(interval: Any) -> Any:
    """Return the value of ``{"value": …, "low": …, "high": …}``; None where it is none."""
    return interval.get("value") if isinstance(interval, dict) else None


def interval(value: Any, digits: int = 3) -> str:
    """Return ``{"value": …, "low": …, "high": …}`` as "value [low, high]"; what of it there is."""
    found = value if isinstance(value, dict) else {}
    text = decimals(value_of(value), digits)
    if not (is_number(found.get("low")) and is_number(found.get("high"))):
        return text
    return f"{text} [{decimals(found['low'], digits)},\N{NO-BREAK SPACE}{decimals(found['high'], digits)}]"


def seconds(value: Any) -> str:
    """Return a time as people read it: in s, min or h."""
    if not is_number(value):
        return NONE
    for unit, length, below in (("s", 1, 120), ("min", 60, 7200)):
        if value < below:
            return f"{value / length:,.{0 if value / length >= 10 else 1}f} {unit}"
    return f"{value / 3600:,.1f} h"


def share(value: Any) -> str:
    """Return a share in per cent, with as many digits as it has."""
    return f"{round(100 * value, 4):g} %" if is_number(value) else NONE


def plain(value: Any) -> str:
    """Return a setting as people read it: yes and no, lists with commas."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(each)}" for name, each in value.items())
    return NONE if value is None else str(value)


def html_templates(package: str) -> Environment:
    """Return the templates in the folder ``templates`` of a package; every value is escaped for HTML."""
    return _templates(package, finalize=lambda value: value if isinstance(value, Markup) else one_line(value))


def markdown_templates(package: str) -> Environment:
    """Return the templates in the folder ``templates`` of a package; every value is escaped for Markdown.

    Filters that join or format strings escape for HTML only: templates of Markdown leave them out.
    """
    return _templates(package, finalize=_finalized)


def markdown_text(value: object) -> str:
    """Return a value as one line of Markdown that shows it, and is no markup.

    Nothing is done about what is markup at the beginning of a line only: a template never puts a value there.
    """
    return _MARKS.sub(r"\\\g<0>", "".join(_ENTITIES.get(mark, mark) for mark in one_line(value)))


def one_line(value: object) -> str:
    """Return a value as one line of printable text."""
    kept = (mark if mark.isprintable() or mark == "\N{NO-BREAK SPACE}" else " " for mark in str(value))
    return _SPACES.sub(" ", "".join(kept)).strip(" ")


def _templates(package: str, finalize: Callable[[Any], Any]) -> Environment:
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _finalized(value: object) -> Markup:
    # What a macro has returned is escaped already.
    return value if isinstance(value, Markup) else Markup(markdown_text(value))
