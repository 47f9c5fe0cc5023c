"""What `ceres-fast doctor` found: one thing that may run a classifier, whether it can here, and why not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.table import Column, Table
from rich.text import Text

from ..console import console


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what : str
        Its name.
    usable : bool
        Whether it can be used on this machine.
    found : str
        What there is: a version, a model of GPU; empty where there is nothing.
    why : str
        Why it cannot be used; where it can, what is wrong with it all the same.
    action : str
        What to do about that.
    """

    what: str
    usable: bool
    found: str = ""
    why: str = ""
    action: str = ""


def as_json(findings: Sequence[Finding]) -> str:
    """Return the findings as a JSON array of objects with the attributes of `Finding`."""
    return json.dumps([asdict(finding) for finding in findings], indent=2)


def show(findings: Sequence[Finding]) -> None:
    """Print the findings as a table; below it what to do, on lines that can be copied."""
    columns = [Column(name, overflow="fold") for name in ("", "usable", "found", "why")]
    drawn = Table(*columns, title="What this machine runs", title_justify="left")
    for finding in findings:
        usable = Text("yes", "green") if finding.usable else Text("no", "red")
        drawn.add_row(Text(finding.what), usable, Text(finding.found), Text(finding.why))
    console.print(drawn)
    for action, concerned in _actions(findings).items():
        console.print(f"{'; '.join(concerned)}: {action}")


def _actions(findings: Sequence[Finding]) -> dict[str, list[str]]:
    """Return what can be done, each once, and what it is good for."""
    actions: dict[str, list[str]] = {}
    for finding in findings:
        if finding.action:
            actions.setdefault(finding.action, []).append(finding.what)
    return actions
