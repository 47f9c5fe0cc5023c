"""The page of a night: how quick it is with 2,000 tracklets, and how many keys a person presses for a field.

    python -m benchmarks.review OUT --truth TRUTH

OUT is the output of `ceres-fast night` for a simulated night, TRUTH the table of its asteroids. Needs Chromium.

*Quick*: the tracklets of the night, the first of them twice so that there are 2,000, on one page in a headless
Chromium, in a window of 1600x900 pixels. *load* is from the request to the end of the load event, after which keys
answer. *Key to paint* is from the time of the key to the task after the next frame was drawn.

*Keys*: somebody who knows which tracklets are asteroids goes through the candidates (those that were kept,
and are not below the classifier's threshold), field by field: `a` for an
asteroid, `r` for anything else, `s` at the end. What is pressed is counted, and the saved file is compared with what
was meant.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from benchmarks.machine import write_result
from ceres_fast.console import say
from ceres_fast.night.detections import Night, read_night
from ceres_fast.night.known import known_of
from ceres_fast.night.review import write_review
from tests import chromium

CARDS = 2_000
REPEATS = 5
"""Times that the page is loaded."""

PRESSED = "aarajkjaru" * 6
"""Keys whose answers are timed."""

PAUSE = 0.15
"""Seconds between keys: nobody looks at a tracklet in less."""

RESULT = Path("benchmarks/results/review.json")

TIMED = """
window.times = [];
addEventListener("keydown", event => requestAnimationFrame(() => {
  const after = new MessageChannel();
  after.port1.onmessage = () => times.push(performance.now() - event.timeStamp);
  after.port2.postMessage(null);
}), true);
"""


def many(night: Night, number: int) -> Night:
    """Return a night with so many tracklets: those that there are, again and again."""
    linked = night.detections[night.detections["tracklet"] != ""]
    names = np.unique(linked["tracklet"])
    parts = []
    for again in range(-(-number // len(names))):
        part = linked[np.isin(linked["tracklet"], names[: number - again * len(names)])]
        part["tracklet"] = [f"{name}, {again + 1}" for name in part["tracklet"]]
        part["kept"] = True
        parts.append(part)
    return Night(night.output, night.records, vstack(parts, metadata_conflicts="silent"))


def quickness(browser: chromium.Browser, night: Night, page: Path) -> dict[str, Any]:
    """Write a page with `CARDS` tracklets, load it, and press keys on it."""
    start = time.perf_counter()
    cards = write_review(night, page, Table())
    seconds = time.perf_counter() - start
    loads, painted = [], []
    for _ in range(REPEATS):
        with browser.page() as shown:
            shown.open(page, 1600, 900)
            loads.append(shown.wait("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000)
            shown.run(TIMED)
            for key in PRESSED:
                shown.press(key)
                time.sleep(PAUSE)
            shown.wait(f"times.length >= {len(PRESSED)}")
            painted += shown.run("times")
    return {
        "tracklets": cards,
        "megabytes": round(page.stat().st_size / 1e6, 1),
        "seconds_to_write": round(seconds, 1),
        "seconds_to_load": round(float(np.median(loads)), 2),
        "pressed": len(painted),
        "ms_to_paint": {name: round(float(np.percentile(painted, each)), 1) for name, each in PERCENTILES.items()},
    }


PERCENTILES = {"p50": 50, "p99": 99, "largest": 100}


def keystrokes(browser: chromium.Browser, night: Night, known: Table, page: Path) -> dict[str, Any]:
    """Go through a night as somebody who knows, and count."""
    write_review(night, page, known)
    real = {str(row["tracklet"]) for row in known if row["name"]}
    pressed, fields = 0, []
    with browser.page() as shown:
        shown.open(page, 1600, 900)
        shown.choose("decision", "undecided")
        shown.choose("order", "night")
        for record in night.records:
            shown.choose("field", record.name)
            decided = {"a": 0, "r": 0}
            while shown.run("document.querySelector('article') !== null"):
                key = "a" if shown.run("document.querySelector('.current h2').textContent") in real else "r"
                shown.press(key)
                decided[key] += 1
            fields.append({"asteroids": decided["a"], "others": decided["r"]})
            pressed += sum(decided.values())
        shown.press("s")
        name = shown.run("document.getElementById('said').textContent.split(' ')[2].replace(',', '')")
        saved = Table.read(shown.downloaded(name), format="ascii.ecsv")
    accepted = set(saved["tracklet"].tolist())
    if not accepted <= real or real & set(saved.meta["rejected"]):
        raise ValueError("what was saved is not what was meant")
    tracklets = sum(sum(each.values()) for each in fields)
    return {
        "fields": len(fields),
        "tracklets": tracklets,
        "pressed": pressed + 1,
        "a_tracklet": round((pressed + 1) / tracklets, 3),
        "a_field": {"mean": round(pressed / len(fields), 1), "most": max(sum(each.values()) for each in fields)},
        "asteroids_a_field": round(float(np.mean([each["asteroids"] for each in fields])), 1),
        "others_a_field": round(float(np.mean([each["others"] for each in fields])), 2),
        "saved_rows": len(saved),
    }


def main() -> None:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--truth", type=Path, required=True)
    arguments = parser.parse_args()
    night = read_night(arguments.out)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with chromium.started(folder) as browser:
            version = browser.send("Browser.getVersion")["product"]
            quick = quickness(browser, many(night, CARDS), folder / "many.html")
            known = known_of(night, arguments.truth, folder)
            keys = keystrokes(browser, night, known, folder / "review.html")
    write_result(RESULT, {"browser": version, "quick": quick, "keystrokes": keys})
    say(f"{quick}\n{keys}")


if __name__ == "__main__":
    main()
