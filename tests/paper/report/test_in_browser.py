"""The report in a real browser: nothing is fetched, nothing complains, every picture is drawn, nothing is cut off."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from matplotlib import image

from ceres_fast.paper.report import write_report
from ceres_fast.records.manifest import load_manifest

from ...chromium import ALONE, BROWSERS
from . import made

LOGGED = ("--enable-logging=stderr", "--v=0", "--virtual-time-budget=10000")

MEASURE = """<script>
addEventListener("load", () => {
  const found = {
    images: [...document.images].map(each => [each.naturalWidth, each.getBoundingClientRect().width]),
    page: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
    tables: [...document.querySelectorAll(".wide")].map(each => each.scrollWidth - each.clientWidth),
    requests: performance.getEntriesByType("resource").map(each => each.name)
      .filter(name => !name.startsWith("data:")),
    paper: getComputedStyle(document.body).backgroundColor,
  };
  document.body.innerHTML = "<pre id=found></pre>";
  document.getElementById("found").textContent = JSON.stringify(found);
});
</script></body>"""
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser ({', '.join(BROWSERS)}) is installed: the report is not looked at")
    return found


@pytest.fixture(scope="module")
def report(tiny_records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All twelve, two seeds, one of them failed; with example stamps."""
    out = tmp_path_factory.mktemp("experiments") / "with a space & é"
    about = made.experiments([])["records"] | {"manifest_sha256": load_manifest(tiny_records).sha256}
    rows = made.all_twelve(seeds=2, weights="none")
    rows[3] = made.failed(rows[3]["backbone"], rows[3]["experiment"], rows[3]["seed"], "exit status 1 " * 20)
    made.write(out, rows, records=about)
    (out / "config.toml").write_text(f"records = '{tiny_records}'\n")
    return write_report(out)


def look(browser: str, page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a page in a browser with a fresh profile."""
    profile = page.parent / "profile"
    command = [browser, *ALONE, *LOGGED, f"--user-data-dir={profile}", *options, page.as_uri()]
    environment = os.environ | {"HOME": str(page.parent)}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, cwd=page.parent)
    finally:
        shutil.rmtree(profile, ignore_errors=True)
    assert done.returncode == 0, done.stderr
    return done


def complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def measured(browser: str, report: Path, folder: Path, width: int, *options: str) -> dict[str, Any]:
    """What a script that is put into a copy of the page finds in a window of this width."""
    page = folder / "copy.html"
    text, count = POLICY.subn("", report.read_text(encoding="utf-8"))
    assert count == 1
    page.write_text(text.replace("</body>", MEASURE))
    done = look(browser, page, f"--window-size={width},900", "--dump-dom", *options)
    found = re.search(r'<pre id="found">(.*)</pre>', done.stdout)
    assert found, done.stdout[-500:]
    return json.loads(html.unescape(found[1]))


def test_the_console_stays_empty(browser: str, report: Path) -> None:
    done = look(browser, report, "--dump-dom")
    assert complaints(done) == []
    assert "published, another dataset" in done.stdout


def test_a_page_that_fetches_would_be_told(browser: str, report: Path, tmp_path: Path) -> None:
    # Else the test before could not fail.
    page = tmp_path / "fetches.html"
    page.write_text(
        report.read_text(encoding="utf-8").replace("</main>", '<img src="https://example.org/x.png"></main>')
    )
    assert complaints(look(browser, page, "--dump-dom"))


@pytest.mark.parametrize("width", [1280, 1000])
def test_it_fits_into_a_window(browser: str, report: Path, tmp_path: Path, width: int) -> None:
    found = measured(browser, report, tmp_path, width)
    assert found["window"] == width
    assert found["page"] <= width
    assert len(found["images"]) == 8
    assert all(natural > 300 and 300 < shown <= width for natural, shown in found["images"])
    assert max(found["tables"]) <= 0
    assert found["requests"] == []


def test_a_narrow_window_scrolls_within_tables_only(browser: str, report: Path, tmp_path: Path) -> None:
    found = measured(browser, report, tmp_path, 500)
    assert found["page"] <= found["window"] <= 500
    assert max(found["tables"]) > 0


def test_it_is_dark_where_that_is_wanted(browser: str, report: Path, tmp_path: Path) -> None:
    light, dark = (
        measured(browser, report, tmp_path, 1000, f"--blink-settings=preferredColorScheme={scheme}")["paper"]
        for scheme in (1, 0)
    )
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(18, 22, 28)")


def test_it_can_be_photographed_and_printed(browser: str, report: Path, tmp_path: Path) -> None:
    look(browser, report, "--window-size=1280,1000", f"--screenshot={tmp_path / 'page.png'}")
    pixels = image.imread(tmp_path / "page.png")
    assert pixels.shape[:2] == (1000, 1280)
    assert pixels[..., :3].std() > 0.05
    look(browser, report, f"--print-to-pdf={tmp_path / 'page.pdf'}", "--no-pdf-header-footer")
    printed = (tmp_path / "page.pdf").read_bytes()
    assert printed.startswith(b"%PDF-")
    assert len(printed) > 100_000
