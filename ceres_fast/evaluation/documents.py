"""Documents out of templates: HTML and Markdown in which no value, whatever it holds, can be markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"}
"""Written as entities, because a backslash does not escape them in every flavour of Markdown, nor in its tables."""

_SPACES = re.compile(" +")
_MARKS = re.compile(r"[\\`*_\[\]~$]")


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
