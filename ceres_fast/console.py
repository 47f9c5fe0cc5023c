"""What the commands print: one console, one kind of table, one kind of progress bar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

# No markup: a path may hold [brackets].
console = Console(highlight=False, soft_wrap=True, markup=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)

Item = TypeVar("Item")

_kept: ContextVar[list[str] | None] = ContextVar("_kept", default=None)


def say(message: str, style: str | None = None) -> None:
    """Print a line (or several) on standard output."""
    console.print(message, style=style)


def warn(message: str) -> None:
    """Print a warning on standard error, or keep it where `warnings_kept` asks for that."""
    if (kept := _kept.get()) is not None:
        kept.append(message)
        return
    errors.print(Text("warning: ", "bold yellow") + Text(message))


@contextmanager
def warnings_kept() -> Iterator[list[str]]:
    """Collect the warnings of a block instead of printing them: those of a worker are printed elsewhere, once."""
    kept: list[str] = []
    token = _kept.set(kept)
    try:
        yield kept
    finally:
        _kept.reset(token)


def bytes_text(count: int) -> str:
    """Return a number of bytes as people read it: in MB, or from 1 GB on in GB."""
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; the first column is left-aligned, the others right-aligned."""
    drawn = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        drawn.add_column(column, justify="right" if number else "left")
    for row in rows:
        drawn.add_row(*(str(cell) for cell in row))
    console.print(drawn)


def track(items: Sequence[Item], description: str) -> Iterator[Item]:
    """Iterate over `items` with a progress bar (drawn on a terminal only)."""
    with progress() as bar:
        yield from bar.track(items, description=description)


def progress() -> Progress:
    """Return a progress bar with a count and the time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
