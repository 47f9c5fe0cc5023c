"""Every input is accounted for: what went in is what came out and what was left out, by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypedDict

from ..alerts.labels import REASONS
from ..schema import Count


class Account(NamedTuple):
    """What goes in (a count), the reasons to be left out (counts), and what comes out (a count; None: stamps)."""

    kind: str
    what: str
    reasons: tuple[str, ...]
    kept: str | None = None


ACCOUNTS = {
    "frames": Account("frames", "frames_found", ("bad_frames", "frames_not_selected", "frames_of_no_sky"), "frames"),
    "detections": Account(
        "frames",
        "detections",
        (
            "bad_frame_detections",
            "not_selected",
            "rejected_flags",
            "stationary",
            "elsewhere",
            "contested",
            "flux_mismatch",
            "set_aside",
            "outside_frame",
            "bad_stamps",
            "few_pixels",
            "no_template",
        ),
    ),
    "stamp_files": Account("stamps", "files", ("not_selected", "bad_stamps", "few_pixels")),
    "alerts": Account(
        "alerts",
        "alerts",
        ("bad_alerts", *(f"set_aside_{reason}" for reason in REASONS), "not_selected", "few_pixels"),
    ),
}
"""The accounts of the sources, by their kind. What has no account here makes the sum wrong, so nothing is forgotten."""


class Balance(TypedDict):
    """What went in, what was left out by reason, and what was kept; the first is the sum of the others."""

    input: Count
    dropped: dict[str, Count]
    kept: Count


class Made(NamedTuple):
    """What was counted for sources of a kind, and how many stamps there are of them."""

    kind: str
    counts: Mapping[str, int]
    stamps: int


def reconcile(made: Iterable[Made], dropped: Mapping[str, int], written: int) -> dict[str, Balance]:
    """Return the accounts of the sources and of the records.

    Parameters
    ----------
    made : iterable of Made
        What was counted while reading, in any number of pieces.
    dropped : mapping of str to int
        Stamps that the division left out, by reason.
    written : int
        Stamps in the shards.

    Returns
    -------
    dict
        Name: ``{"input": count, "dropped": {reason: count}, "kept": count}``. ``records`` is the account of the
        stamps, the others are those of `ACCOUNTS`; accounts without input are left out.

    Raises
    ------
    AssertionError
        When a sum is not that of its parts: a fault of this package.
    """
    counts: dict[str, Counter[str]] = {}
    stamps: Counter[str] = Counter()
    for piece in made:
        counts.setdefault(piece.kind, Counter()).update(piece.counts)
        stamps[piece.kind] += piece.stamps
    accounts: dict[str, Balance] = {}
    for name, account in ACCOUNTS.items():
        count = counts.get(account.kind, Counter())
        left_out = {reason: count[reason] for reason in account.reasons if count[reason]}
        kept = stamps[account.kind] if account.kept is None else count[account.kept]
        if count[account.what] or left_out or kept:
            accounts[name] = {"input": count[account.what], "dropped": left_out, "kept": kept}
    left_out = {reason: count for reason, count in dropped.items() if count}
    accounts["records"] = {"input": stamps.total(), "dropped": left_out, "kept": written}
    for name, account_ in accounts.items():
        if problem := imbalance(account_):
            raise AssertionError(f"the account of {name} does not add up: {problem}")
    return accounts


def imbalance(account: Balance) -> str:
    """Say what is wrong with the sum of an account, "" where it is right."""
    accounted = account["kept"] + sum(account["dropped"].values())
    missing = account["input"] - accounted
    if not missing:
        return ""
    return (
        f"of {account['input']}, {accounted} are accounted for ({abs(missing)} too {'few' if missing > 0 else 'many'})"
    )
