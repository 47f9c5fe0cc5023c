"""What a build of records prints: the warnings of its parts, the splits, and the accounts of the inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..console import table, warn
from ..errors import FURTHER, LOUD
from ..selection.track_cost import TRACKS, cost_rows
from .manifest import Manifest
from .parts import Part
from .reconcile import ACCOUNTS, Balance

INPUTS = {
    "frames": "frames",
    "detections": "detections",
    "stamp_files": "stamp files",
    "alerts": "alerts",
    "records": "stamps",
}
"""What goes into the account of that name, in words."""


def show_warnings(parts: Sequence[Part]) -> None:
    """Print the first warnings of all parts, as one process would have done."""
    warnings = [message for part in parts for message in part.warnings if message != FURTHER]
    for message in [*warnings[:LOUD], *([FURTHER] if len(warnings) > LOUD else [])]:
        warn(message)


def show_summary(manifest: Manifest, out: Path) -> None:
    """Print the splits, the accounts of the inputs, and what else was counted."""
    rows = []
    for split in manifest.splits:
        per_class = manifest.class_counts(split)
        groups, shards = manifest.splits[split]["groups"], len(manifest.splits[split]["shards"])
        rows.append((split, per_class["asteroid"], per_class["non_asteroid"], groups, shards))
        if not all(per_class.values()):
            missing = min(per_class, key=lambda name: per_class[name])
            warn(f"split {split} has no {missing}: too few groups hold one. Add sources.")
    total = [sum(int(row[column]) for row in rows) for column in range(1, 5)]
    table(f"Records in {out}", ("split", "asteroid", "non-asteroid", "groups", "shards"), [*rows, ("all", *total)])
    table("From the sources to the records", ("what", "count"), account_rows(manifest.reconciliation))
    show_cost(manifest)
    shown = {
        name
        for key, account in ACCOUNTS.items()
        if key in manifest.reconciliation
        for name in (account.what, *account.reasons, account.kept)
    }
    others = [
        (name.replace("_", " "), count)
        for name, count in manifest.counts.items()
        if name not in shown and not name.startswith(TRACKS)
    ]
    if others:
        table("Also counted", ("what", "count"), others)


def show_cost(manifest: Manifest) -> None:
    """Print what the rules cost synthetic asteroids, where that was measured."""
    heading, rows = cost_rows(manifest.counts)
    which = "rules cost" if "forced_limit" in manifest.rules else "rule for stationary detections costs"
    if rows:
        table(f"What the {which}, by synthetic asteroids", heading, rows)


def account_rows(accounts: Mapping[str, Balance]) -> list[tuple[str, int]]:
    """Return the accounts as rows of a table: what, and how many."""
    rows = []
    for name, account in accounts.items():
        into = "records" if name == "records" else "used" if name == "frames" else "stamps"
        rows.append((INPUTS[name], account["input"]))
        rows += [(f"  {reason.replace('_', ' ')}", count) for reason, count in account["dropped"].items()]
        rows.append((f"  = {into}", account["kept"]))
    return rows
