"""What the detections of a field are: stationary, shown by the other exposures too, asteroids, or neither.

And which of them become no stamp for that, before anything is cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from astropy.table import Table

from ..catalogues import far_outside
from ..catalogues.detections import Detections
from ..errors import InputError, Problems
from ..frames.where import Where, matching
from .match import Matches, match_known, set_aside_short_tracks, set_aside_too_bright
from .others.forced import Forced
from .rules import Rules
from .tracks import known_at


@dataclass(frozen=True)
class Labelled:
    """The detections of an exposure and what they are.

    Parameters
    ----------
    exposure : Detections
        The n detections.
    stays : numpy.ndarray
        Shape (n,), bool: which are stationary, without what is released because it is in a tracklet.
    known : astropy.table.Table
        Where the known asteroids are in this exposure (`tracks.known_at`); ``match.asteroid`` is a row of it.
    match : Matches
        Which detections are asteroids, by their places alone.
    accepted : Matches
        The same, after asteroids with too few detections, and detections that are too bright, were set aside.
    forced : Forced or None
        What the other exposures show at the places of the detections; None where that was not measured.
    forced_limit : float or None
        As in `Rules`.
    linked : mapping of str to numpy.ndarray
        What is known of their tracklets, (n,) each (`linked.LINKED`); empty where nobody looked for tracklets.
    """

    exposure: Detections
    stays: np.ndarray
    known: Table
    match: Matches
    accepted: Matches
    forced: Forced | None = None
    forced_limit: float | None = None
    linked: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def elsewhere(self) -> np.ndarray:
        """Which detections the other exposures show, too, bool (n,): none where `forced_limit` does not ask.

        What is released is not among them: the star that it is blended with is elsewhere.
        """
        nowhere = np.zeros(len(self.stays), bool)
        if self.forced is None:
            return nowhere
        return self.forced.elsewhere(self.forced_limit) & (self.linked.get("blended", nowhere) != 1)

    @property
    def reason(self) -> np.ndarray:
        """Why a detection is no stamp, shape (n,), str; empty where it is one.

        ``stationary``, ``elsewhere``, ``rejected_flags`` or one of `match.REASONS`, the first that applies.
        """
        kept = np.where(self.exposure.rejected, "rejected_flags", self.accepted.reason)
        return np.where(self.stays, "stationary", np.where(self.elsewhere, "elsewhere", kept))


def label_field(
    exposures: Sequence[Detections], staying: Sequence[np.ndarray], truth: Table, rules: Rules
) -> list[Labelled]:
    """Label the detections of all exposures of a field and CCD in one night; `staying` says which are stationary.

    Whether an asteroid is seen in enough exposures is decided before stationary detections are removed: one
    that passes a star, or is blended with one, is still seen.
    """
    known = [known_at(truth, exposure.info, rules) for exposure in exposures]
    matches = [match_known(table, each.ra, each.dec, rules) for table, each in zip(known, exposures, strict=True)]
    accepted = set_aside_short_tracks(known, matches, rules)
    magnitudes = [exposure.column("MAG_AUTO") for exposure in exposures]
    accepted = set_aside_too_bright(known, accepted, magnitudes, [~stays for stays in staying], rules)
    return [Labelled(*parts) for parts in zip(exposures, staying, known, matches, accepted, strict=True)]


def dropped(labelled: Labelled, where: Where, problems: Problems, counts: Counter[str]) -> np.ndarray:
    """Return why each detection of an exposure becomes no stamp, "" where it does: (n,), str; and count them."""
    reason = np.where(_chosen(labelled.exposure, where), labelled.reason, "not_selected").astype("U20")
    outside = np.flatnonzero(
        (reason == "") & far_outside(labelled.exposure.x, labelled.exposure.y, labelled.exposure.info)
    )
    if len(outside):
        problems.report(_outside(labelled.exposure, outside), counts, "outside_frame", len(outside))
    counts["detections"] += len(reason)
    counts += Counter(reason[reason != ""].tolist())
    reason[outside] = "outside_frame"
    return reason


def _outside(exposure: Detections, rows: np.ndarray) -> InputError:
    ny, nx = exposure.info.shape
    more = f", as are {len(rows) - 1} others" if len(rows) > 1 else ""
    return InputError(
        exposure.catalogue.path,
        f"x={exposure.x[rows[0]]:.1f}, y={exposure.y[rows[0]]:.1f} is outside the frame {exposure.info.place}{more}",
        row=int(exposure.rows[rows[0]]) + 1,
        expected=f"positions in {nx}x{ny} pixels",
        action="correct the catalogue, or pass --on-error skip to leave such detections out",
    )


def _chosen(exposure: Detections, where: Where) -> np.ndarray:
    chosen = np.ones(len(exposure.x), bool)
    columns = {name.upper(): name for name in exposure.catalogue.table.colnames}
    for name, allowed in where:
        if name in exposure.header:
            continue
        if name.upper() not in columns:
            expected = f"a keyword of the header of {exposure.info.path.name}, or a column of its catalogue"
            raise InputError(exposure.catalogue.path, f"--where names {name}, which is not there", expected=expected)
        chosen &= matching(exposure.catalogue.table[columns[name.upper()]][exposure.rows], allowed)
    return chosen
