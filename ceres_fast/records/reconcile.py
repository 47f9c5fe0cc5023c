"""Every input is accounted for: what is counted, and that what went in is what came out and was left out, by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypedDict

from ..alerts.labels import REASONS
from ..schema import Count

COUNTS = {
    "files": "frames and catalogues read",
    "frames_found": "frames found",
    "frames": "frames used",
    "bad_frames": "frames left out because they or their catalogues cannot be used",
    "frames_not_selected": "frames left out by --where",
    "frames_of_no_sky": "frames left out because their headers say that they are no exposures of the sky",
    "single_exposures": "frames without a second exposure, in which no stationary detection can be found",
    "empty_catalogues": "exposures of which no detection is known",
    "detections": "detections in the catalogues",
    "bad_frame_detections": "detections in frames left out",
    "not_selected": "detections left out by --where",
    "rejected_flags": "detections left out by --reject-flags",
    "drifted": "detections that have their plain positions, because the windowed ones are those of a neighbour",
    "stationary": "stationary detections",
    "released": "detections that would be stationary, and are in a tracklet",
    "elsewhere": "detections that the other exposures show, too, by --forced-limit",
    "not_compared": "detections that may be stationary: no exposure far enough away in time covers their place",
    "contested": "detections that may be either of two asteroids, or that compete with another for one asteroid",
    "flux_mismatch": "detections at the place of an asteroid that are much brighter than it",
    "set_aside": "detections near a known asteroid that cannot be called either class",
    "outside_frame": "detections outside the frame",
    "bad_stamps": "stamps left out: missing pixels, or all pixels equal",
    "few_pixels": "stamps left out because they have too few pixels to be scored",
    "no_template": "stamps left out because no other exposure and no frame of --template looked there",
    "asteroid": "stamps of asteroids",
    "non_asteroid": "stamps of no asteroid",
    "padded_stamps": "stamps that reach over the edge of the frame",
    "filled_stamps": "stamps with missing pixels filled",
    "validated": "validated asteroids in the frames, once per exposure",
    "lost_not_detected": "of these: not detected",
    "lost_stationary": "of these: removed as stationary",
    "lost_elsewhere": "of these: removed because the other exposures show them, too",
    "lost_contested": "of these: contested",
    "lost_flux": "of these: the detection there is much brighter, a star or blended with one",
    "lost_set_aside": "of these: set aside, because detected in too few exposures or near one that is not validated",
    "lost_no_template": "of these: without a template",
    "lost_other": "of these: left out by --where, for a bad stamp, or for one with too few pixels",
    "tracklets": "tracklets: detections that fit one motion",
    "tracklets_of_asteroids": "of these: all members are detections of one validated asteroid",
    "trackable": "validated asteroids with stamps in as many exposures of a field as are needed",
    "linked": "of these: in one tracklet with as many of them",
    "random_places": "random places at which the rule for stationary detections was tried",
    "random_by_chance": "of these: stationary by chance",
    "random_on_sources": "of these: stationary because a fixed source is there",
}
"""What `selection.field.field_stamps` counts, in words. `selection.lost.RATES` adds ``validated`` and those of
`selection.lost.BY_RATE` by rate of motion, and `selection.track_cost` what the rules cost synthetic asteroids."""


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
