"""The rules by which detections become stamps: the same in training and in classifying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any

from msgspec import Meta

from ..frames.cut import MOST_MISSING, MostMissing
from ..schema import Positive, Share, as_python, check, check_fields
from ..settings.rules import FORCED_LIMIT, Chance, RejectFlags, RuleOptions, Slowest
from ..stamps import CENTRE, STAMP_SIZE

LABELLING = frozenset(
    {
        "match_radius",
        "track_exposures",
        "aside_radius",
        "contest_ratio",
        "flux_limit",
        "timing_error",
        "track_hours",
        "extrapolation",
        "unknown_rate",
    }
)
"""Rules that decide labels only: classifying does not use them, so they may differ between classifiers."""

STATIONARY_RULE = 2
"""Version of the rule for stationary detections.

1: seen within the radius in any two exposures, however near in time. It removed slow asteroids, and is not applied.
2: seen there in exposures far enough apart in time that the slowest asteroid would have left (`stationary`).
"""

_RULE_1 = frozenset({"stationary_exposures", "chance_coincidence"})
"""What only version 1 asked for."""

_NEWER: dict[str, Any] = {
    "most_missing": MOST_MISSING.share,
    "most_missing_at_centre": MOST_MISSING.central,
    "forced_limit": None,
}
"""Rules that are newer than some classifiers. They hold for those too: what they leave unscored is kept."""

_NEW_IN_2 = ("stationary_rule", "slowest", "chance", "position_error")

Whole = Annotated[int, Meta(ge=1)]
ThisVersion = Annotated[int, Meta(ge=STATIONARY_RULE, le=STATIONARY_RULE, title=str(STATIONARY_RULE))]


@dataclass(frozen=True)
class Rules:
    """Which detections are kept and how they are cut out and labelled.

    Stored in the manifest of records and in the classifier, so that both see the same detections.

    Parameters
    ----------
    stamp_size : int
        Side of a stamp, in pixels.
    centre : int
        0-based row and column of the stamp's pixel that holds the detection.
    remove_stationary : bool
        Remove stationary detections, where the exposures of a field are far enough apart in time to find them.
    stationary_rule : int
        Version of the rule for stationary detections (`STATIONARY_RULE`). Detections that went through another one are
        not the same, so records and classifiers of another version are refused.
    slowest : float
        Rate of the slowest asteroid that is wanted; in arcsec/min. Exposures are compared where it would have left
        its place between them.
    chance : float
        A detection must be seen at its place in so many other exposures that no more than this share of random places
        would seem to be occupied so often by chance.
    stationary_radius : float
        Two detections of different exposures closer than this on the sky are at the same place; in units of the
        larger FWHM of the two exposures.
    stationary_radius_pixels : float
        The same, in pixels, where the seeing of an exposure is not known.
    position_error : float
        How far the measured separation of two faint detections may be from the true one; in units of the larger FWHM.
        The slowest asteroid must have moved the radius and this.
    hot_pixel_radius : float
        Radius of the same place in the pixels of the detector, for what does not follow the pointing; in pixels.
    bad_column_radius : float
        Detections closer than this to the middle of a bad column or row of the detector are stationary; in pixels.
    bad_column_alarm : float
        A column is bad where two exposures or more have so many detections in it that chance gives as many, in each,
        with a probability below this. 1e-16: never.
    match_radius : float
        A detection closer than this to the predicted place of an asteroid is that asteroid; in arcsec. For one that
        moves, the way it moves in half the exposure and in `timing_error` is added, at most this radius again.
    track_exposures : int
        An asteroid must be detected in this many exposures of its field (all of them, where there are fewer) to
        be believed; else its detections are set aside.
    reject_flags : int
        Sum of bits of SExtractor's FLAGS (1 neighbours, 2 deblended, 4 saturated, 8 cut off at the edge, 16 and more:
        measurement incomplete); detections with any of them are not used. 0 rejects none.
    forced_limit : float or None
        A detection is no asteroid when its place has more than this share of its flux in every other exposure that
        could tell (`others.forced.Forced.elsewhere`); None where that is not asked.
    most_missing : float
        A stamp of which more than this share of the pixels is missing is not scored, unless the edge of the frame alone
        takes them; and not learnt from.
    most_missing_at_centre : int
        Nor is one of which more than so many of the nine pixels around the detection are missing.
    aside_radius : float
        A detection closer than this to the trail of a known asteroid, and not it for certain, is set aside; in arcsec.
    contest_ratio : float
        Of two detections near one asteroid, or two asteroids near one detection, the nearer is believed where the
        other is this many times farther away (and half of `match_radius` at least); else both are contested.
    flux_limit : float
        A detection that is brighter than the asteroid by more than this is a star, or blended with one; in mag, against
        the median of the exposure. Asteroids turn, and most vary by less than 1 mag.
    timing_error : float
        Uncertainty of the times of exposures and of observations; in s.
    track_hours : float
        Observations farther than this in time from an exposure are not used to predict where the asteroid is in it; in
        hours. Over two hours the turning of the Earth bends the path of a main-belt asteroid by less than 1 arcsec.
    extrapolation : float
        How far beyond its observations the motion of an asteroid is known well enough for `aside_radius`, in units of
        the time between the first and the last. Farther, `match_radius` is added to it for each such unit (what an
        asteroid of `unknown_rate` moves, at most). Nothing beyond the observations is ever called an asteroid.
    unknown_rate : float
        How fast an asteroid that was observed once may be; in arcsec/min. In the other exposures detections are set
        aside within the distance it can have moved.

    Notes
    -----
    `slowest` is the rate of an object 20 au from the Sun at opposition, where the motion of the Earth is most of it:
    148 (1 - R^-0.5) / (R - 1) arcsec/h at R au. Main-belt asteroids move at 0.5 arcsec/min, so that `unknown_rate` is
    twice that. `track_exposures` is what a trajectory search needs to link an asteroid. The other numbers are this
    package's own choice; ``docs/survey.md`` says what the rule for stationary detections does with them, measured on
    simulated and on real fields (``benchmarks/results/stationary.json``).
    """

    stamp_size: Whole = STAMP_SIZE
    centre: Whole = CENTRE
    remove_stationary: bool = True
    stationary_rule: ThisVersion = STATIONARY_RULE
    slowest: Slowest = RuleOptions.slowest
    chance: Chance = RuleOptions.chance
    stationary_radius: Positive = 0.6
    stationary_radius_pixels: Positive = 1.5
    position_error: Positive = 0.3
    hot_pixel_radius: Positive = 1.0
    bad_column_radius: Positive = 0.5
    bad_column_alarm: Positive = 1e-4
    match_radius: Positive = 2.0
    track_exposures: Whole = 3
    reject_flags: RejectFlags = RuleOptions.reject_flags
    forced_limit: Annotated[float, FORCED_LIMIT] | None = RuleOptions.forced_limit
    most_missing: Share = MOST_MISSING.share
    most_missing_at_centre: Annotated[int, Meta(ge=0, le=9)] = MOST_MISSING.central
    aside_radius: Positive = 5.0
    contest_ratio: Positive = 3.0
    flux_limit: Positive = 1.5
    timing_error: Positive = 1.0
    track_hours: Positive = 2.0
    extrapolation: Positive = 2.0
    unknown_rate: Positive = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, as_python(getattr(self, field.name)))
        check_fields(self)
        for field in fields(self):
            # 2 and 2.0 are the same radius, and are written alike: rules are compared as text too.
            if isinstance(field.default, float) or (field.name == "forced_limit" and self.forced_limit is not None):
                object.__setattr__(self, field.name, float(getattr(self, field.name)))

    @property
    def missing(self) -> MostMissing:
        """How much may be missing of a stamp that is scored."""
        return MostMissing(self.most_missing, self.most_missing_at_centre)

    def as_dict(self) -> dict[str, Any]:
        """Return the rules as values that JSON can hold, without a `forced_limit` that is not asked."""
        return {name: value for name, value in asdict(self).items() if (name, value) != ("forced_limit", None)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Rules:
        """Return the rules that `as_dict` gave.

        Raises
        ------
        Mismatch
            When a rule is missing, is not known, or has a value it cannot have; the message names it.
        ValueError
            When stationary detections were found by version 1 of the rule.
        """
        if "stationary_rule" not in values and values.keys() >= _RULE_1:
            if values.get("remove_stationary") is not False:
                raise ValueError(
                    'stationary detections were found by version 1 of the rule, "seen at one place in any two '
                    'exposures", which removed slow asteroids'
                )
            # Where nothing was removed as stationary, no version of the rule was applied.
            mine = asdict(cls(remove_stationary=False))
            values = {name: value for name, value in values.items() if name not in _RULE_1}
            values = {name: mine[name] for name in _NEW_IN_2} | values
        values = _NEWER | dict(values)
        check(values, cls)
        return cls(**values)

    def differences(self, other: Rules) -> list[str]:
        """Say in which rules that matter for classifying `other` differs; the empty list when in none.

        The rules of labelling (`LABELLING`) are not compared: they choose what is learnt from, not what is seen.
        """
        return [
            f"{name}: {mine!r} here, {theirs!r} there"
            for name, mine in asdict(self).items()
            if name not in LABELLING and mine != (theirs := getattr(other, name))
        ]
