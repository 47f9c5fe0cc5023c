"""What the page of a night is made of, without a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ceres_fast.console import warnings_kept
from ceres_fast.frames.reading import read_header
from ceres_fast.frames.sky import to_sky
from ceres_fast.night.detections import Night, table_of
from ceres_fast.night.known import known_of
from ceres_fast.night.record import ExposureRecord
from ceres_fast.night.review import write_review
from ceres_fast.night.review.cards import cards_of
from ceres_fast.night.review.stamps import as_grey
from ceres_fast.night.review.unseen import MOST

from ...survey_files import ASTEROID, STARS, STEP, write_field
from ..nights import night_of, tracklet_rows
from .nights import DATE, known_table, small_night

ATTACK = '</script><img src=x onerror="document.title=1"><!--"\'&\u2028,\\'


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(
        r'<script type="application/json" id="night">(.*?)</script>', page.read_text(encoding="utf-8"), re.S
    )
    assert found
    return json.loads(found[1])


def test_a_card_says_what_is_known_of_its_tracklet(tmp_path: Path) -> None:
    night = small_night(tmp_path)
    page = tmp_path / "review.html"
    assert write_review(night, page, known_table(F0001_2="433")) == 6
    data = data_of(page)
    assert data["title"] == f"Review of {DATE}"
    assert data["saved_as"] == f"decisions-{DATE}.ecsv"
    cards = {card["id"]: card for card in data["cards"]}
    first, second = cards[f"F0001, {DATE}: 1"], cards[f"F0001, {DATE}: 2"]
    assert (first["probability"], first["magnitude"], first["filter"]) == (0.9, 20.0, "r")
    assert first["rate"] == pytest.approx(0.3, abs=1e-3)
    assert second["angle"] == pytest.approx(70, abs=0.1)
    assert first["known"] == {"name": "", "source": "SkyBoT"} | {
        "separation": None,
        "rate_difference": None,
        "magnitude": None,
    }
    assert second["known"]["name"] == second["designation"] == "433"
    assert first["designation"] == f"tracklet F0001, {DATE}: 1"
    assert [each["frame"] for each in first["detections"]] == [f"F0001-{n}.fits" for n in range(1, 5)]
    assert str(tmp_path) not in page.read_text(encoding="utf-8")


def test_stamps_are_those_of_the_frames_with_the_first_row_below(tmp_path: Path) -> None:
    cards, problems = cards_of(small_night(tmp_path), Table())
    assert problems == []
    stamps = np.frombuffer(base64.b64decode(cards[0]["stamps"]), np.uint8).reshape(4, 32, 32)
    # The detection is at row 16 from below, which is row 15 from above.
    assert [np.unravel_index(each.argmax(), each.shape) for each in stamps] == [(15, 16)] * 4
    assert [len(card["detections"]) for card in cards[:3]] == [4, 4, 3]
    assert [len(base64.b64decode(card["stamps"])) for card in cards[:3]] == [4 * 1024] * 3


def seen_in(folder: Path, *exposures: int, of: int = 4) -> Night:
    """Return a night with the asteroid of a field, detected in some exposures; a star is in all of them."""
    rows: dict[str, list[Any]] = {name: [] for name in ("frame", "field", "mjd", "x", "y", "ra", "dec", "tracklet")}
    for number, path in enumerate(write_field(folder, of)):
        frame = read_header(path)
        for name, place in (("T", ASTEROID + STEP * number), ("", STARS[0])):
            if name == "" or number in exposures:
                ra, dec = to_sky(frame.wcs, *place)
                values = (str(path), "F", frame.info.mjd, *place, float(ra), float(dec), name)
                for column, value in zip(rows.values(), values, strict=True):
                    column.append(value)
    return Night(folder, [], table_of(dict(rows)))


@pytest.mark.parametrize(("exposures", "missing"), [((0, 1, 3), 2), ((1, 2, 3), 0), ((0, 1, 2), 3)])
def test_where_it_is_not_detected_its_place_is_shown_as_it_moves(
    tmp_path: Path, exposures: tuple[int, ...], missing: int
) -> None:
    night = seen_in(tmp_path, *exposures)
    (card,), _ = cards_of(night, Table())
    times = sorted(set(night.detections["mjd"].tolist()))
    assert card["others"] == pytest.approx([times[missing]], abs=1e-8)
    stamps = np.frombuffer(base64.b64decode(card["stamps"]), np.uint8).reshape(4, 32, 32)
    # The frame has it there, though the catalogue has not.
    assert [np.unravel_index(each.argmax(), each.shape) for each in stamps] == [(15, 16)] * 4


def test_of_long_sequences_only_what_is_detected_is_shown(tmp_path: Path) -> None:
    (card,), _ = cards_of(seen_in(tmp_path, 0, 1, 2, of=MOST + 1), Table())
    assert card["others"] == []
    assert len(card["there"]) == 3


def test_what_is_not_detected_decides_nothing_about_the_scale(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    stamps = random.normal(500, 3, (3, 32, 32))
    stamps[:2, 16, 16] += 30
    stamps[2, 16, 16] += 5000
    np.testing.assert_allclose(as_grey(stamps, 2)[:2].astype(int), as_grey(stamps[:2]).astype(int), atol=3)
    assert as_grey(stamps, 2)[0, 16, 16] > 235 > 150 > as_grey(stamps)[0, 16, 16]


def test_frames_that_are_gone_or_broken_cost_their_stamps_only(tmp_path: Path) -> None:
    night = small_night(tmp_path)
    one, other = sorted(tmp_path.rglob("F0001*.fits"))[:2]
    one.unlink()
    other.write_bytes(b"SIMPLE")
    with warnings_kept() as warned:
        write_review(night, tmp_path / "review.html", Table())
    assert [str(one) in text or str(other) in text for text in warned] == [True, True]
    data = data_of(tmp_path / "review.html")
    assert data["cards"][0]["there"] == [False, False, True, True]
    notes = [note["about"] for note in data["notes"]]
    assert len(notes) == 1
    assert "F0001-1.fits" in notes[0]
    assert "F0001-2.fits" in notes[0]


def test_what_must_be_known_first_is_among_the_notes(tmp_path: Path) -> None:
    exposure = ExposureRecord(
        frame="/night/F0001-2.fits", catalogue="", table="", signature=[], fate="", why="is cut off"
    )
    night = small_night(tmp_path, provisional=True, drift=["the seeing is 3 arcsec"], exposures=[exposure])
    write_review(night, tmp_path / "review.html", Table())
    both = f"F0001, {DATE}; F0002, {DATE}"
    assert [tuple(note.values()) for note in data_of(tmp_path / "review.html")["notes"]] == [
        (f"Provisional: {both}", "Nothing can be called stationary yet, and no guarantee applies."),
        (f"Drift: {both}", "the seeing is 3 arcsec"),
        ("Not classified: F0001-2.fits; F0001-2.fits", "is cut off"),
    ]


def test_an_empty_night_is_a_page(tmp_path: Path) -> None:
    for night in (Night(tmp_path), Night(tmp_path, [], table_of({"field": ["F1"], "mjd": [60000.0], "ra": [1.0]}))):
        assert write_review(night, tmp_path / "review.html", known_of(night, None, tmp_path)) == 0
        assert data_of(tmp_path / "review.html")["cards"] == []


def test_nothing_but_a_name_need_be_known(tmp_path: Path) -> None:
    night = Night(tmp_path, [], table_of({"tracklet": ["T", "T"], "field": ["F", "F"]}))
    with warnings_kept():
        assert write_review(night, tmp_path / "review.html", known_of(night, None, tmp_path)) == 1
    (card,) = data_of(tmp_path / "review.html")["cards"]
    assert (card["rate"], card["magnitude"], card["probability"], card["there"]) == (None, None, None, [False, False])


def test_no_text_becomes_markup_and_the_policy_names_what_may_run(tmp_path: Path) -> None:
    row = tracklet_rows(ATTACK, ATTACK, 10.0, 5.0, 1.0, 0.0, 60000.1)
    for name in ("filter", "ccd", "frame"):
        row[name] = [ATTACK] * 4
    night = night_of(row, provisional=True)
    known = Table({"tracklet": [ATTACK], "name": [ATTACK], "source": [ATTACK]} | {
        name: [np.nan] for name in ("separation", "rate_difference", "magnitude")
    })  # fmt: skip
    page = tmp_path / "review.html"
    with warnings_kept():
        write_review(night, page, known)
    text = page.read_text(encoding="utf-8")
    assert "<img" not in text
    assert text.count("</script>") == 2
    (card,) = data_of(page)["cards"]
    assert card["id"] == card["field"] == card["known"]["name"] == card["known"]["source"] == ATTACK
    for kind, tag in (("style", "style"), ("script", "script")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in text
    assert "default-src 'none'" in text


def test_a_tracklet_has_its_key_as_long_as_it_has_its_detections(tmp_path: Path) -> None:
    one = tracklet_rows("1", "F", 10.0, 5.0, 1.0, 0.0, 60000.1)
    other = tracklet_rows("2", "F", 20.0, 5.0, 1.0, 0.0, 60000.1)
    with warnings_kept():
        (first, second), (renamed,), (shorter,) = (
            [card["key"] for card in cards_of(night_of(*rows), Table())[0]]
            for rows in (
                (one, other),
                (one | {"tracklet": ["7"] * 4},),
                ({name: values[:3] for name, values in one.items()},),
            )
        )
    assert first == renamed
    assert len({first, second, shorter}) == 3


def test_tracklets_of_the_same_places_are_told_apart() -> None:
    rows = [tracklet_rows(name, "F", 10.0, 5.0, 1.0, 0.0, 60000.1) for name in "ABC"]
    with warnings_kept():
        cards, _ = cards_of(night_of(*rows), Table())
    assert len({card["key"] for card in cards}) == 3


def test_two_tracklets_of_one_object_at_one_time_are_not_both_called_so() -> None:
    first = 60000.1
    one, other = (tracklet_rows(name, "F", ra, 5.0, 1.0, 0.0, first) for name, ra in (("A", 10.0), ("B", 10.01)))
    later = tracklet_rows("C", "F2", 10.1, 5.0, 1.0, 0.0, first + 0.1)
    known = Table({
        "tracklet": ["A", "B", "C"], "name": ["433"] * 3, "separation": [2.0, 1.0, 3.0],
        "rate_difference": [0.0] * 3, "magnitude": [np.nan] * 3, "source": ["x"] * 3,
    })  # fmt: skip
    with warnings_kept():
        cards, _ = cards_of(night_of(one, other, later), known)
    assert {card["id"]: card["designation"] for card in cards} == {"A": "tracklet A", "B": "433", "C": "433"}


@pytest.mark.parametrize("name", ["29P/Schwassmann", "433", "2004 JQ12", "C/2019 Q4 (Borisov)", "S/2003 J 1"])
def test_a_field_that_is_named_after_an_object_names_no_tracklet_so(name: str) -> None:
    from ceres_fast.truth.designations import canonical, is_comet, is_satellite

    with warnings_kept():
        for own in (name, f"{name}, {DATE}: 1"):
            (card,), _ = cards_of(night_of(tracklet_rows(own, name, 10.0, 5.0, 1.0, 0.0, 60000.1)), Table())
            assert card["designation"] == canonical(card["designation"]) != canonical(name)
            assert not is_comet(card["designation"])
            assert not is_satellite(card["designation"])


# Grey levels


def test_all_stamps_of_a_tracklet_have_one_scale_whatever_their_sky() -> None:
    random = np.random.default_rng(1)
    stamps = random.normal([[[500.0]], [[900.0]]], 3, (2, 32, 32))
    stamps[:, 16, 16] += 30
    stamps[1, 2, 2] += 5000  # a bright star beside it decides nothing
    grey = as_grey(stamps)
    assert grey[:, 16, 16].min() > 235
    assert np.median(grey[0]) == pytest.approx(np.median(grey[1]), abs=3)
    assert 20 < np.median(grey) < 128
    assert grey[1, 2, 2] == 255


def test_what_has_no_pixels_is_black_and_changes_nothing() -> None:
    random = np.random.default_rng(1)
    stamps = random.normal(500, 3, (3, 32, 32))
    stamps[1] = np.nan
    grey = as_grey(stamps)
    assert not grey[1].any()
    np.testing.assert_array_equal(grey[[0, 2]], as_grey(stamps[[0, 2]]))
    assert not as_grey(np.full((2, 32, 32), np.nan)).any()


@settings(max_examples=50, deadline=None)
@given(arrays(np.float32, (2, 32, 32), elements=st.floats(width=32), fill=st.floats(width=32)))
def test_any_pixels_have_grey_levels(stamps: np.ndarray) -> None:
    with np.errstate(all="raise"):
        grey = as_grey(stamps)
    assert (grey.shape, grey.dtype) == (stamps.shape, np.uint8)
