"""What a build of records says when it is done."""

from __future__ import annotations

from pathlib import Path

from ..console import table, warn
from ..selection.track_cost import TRACKS, cost_rows
from .manifest import Manifest
from .reconcile import ACCOUNTS, account_rows


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
    heading, cost = cost_rows(manifest.counts)
    if cost:
        table("What the rule for stationary detections costs, by synthetic asteroids", heading, cost)
    told = {
        name
        for key, account in ACCOUNTS.items()
        if key in manifest.reconciliation
        for name in (account.what, *account.reasons, account.kept)
    }
    others = [
        (name.replace("_", " "), count)
        for name, count in manifest.counts.items()
        if name not in told and not name.startswith(TRACKS)
    ]
    if others:
        table("Also counted", ("what", "count"), others)
