"""The report: whole in itself, accessible, with every name shown as it is and none as markup."""

from __future__ import annotations

import base64
import csv
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from lxml import etree, html
from markdown_it import MarkdownIt

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.paper.report import page as module
from ceres_fast.paper.report import write_report
from ceres_fast.paper.report.pictures import Picture
from ceres_fast.paper.report.results import EXPERIMENTS_FILE, Results

from . import made

HOSTILE = "<script>alert(1)</script>'\"&|`*_[x](javascript:y)\\ \n# $a$ \ud800 \u202e ț"
DRAWN = Picture("confusion.png", "caption", "alternative", b"\x89PNG\r\n\x1a\n")


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes seconds, and has tests of its own."""
    monkeypatch.setattr("ceres_fast.paper.report.pictures.confusion_matrices", lambda results: DRAWN)
    monkeypatch.setattr("ceres_fast.paper.report.pictures.asteroids_found", lambda results: None)
    monkeypatch.setattr("ceres_fast.paper.report.pictures.learning_curves", lambda results: [])


def page(out: Path, rows: list[dict[str, Any]], **changed: Any) -> etree._Element:
    return html.fromstring(write_report(made.write(out, rows, **changed)).read_text())


def text_of(element: etree._Element) -> str:
    return " ".join(element.text_content().split())


@pytest.mark.slow
def test_the_report_of_all_twelve(tmp_path: Path) -> None:
    index = write_report(made.write(tmp_path, made.all_twelve(seeds=2)))
    assert index == tmp_path / "report" / "index.html"
    names = {path.name for path in index.parent.iterdir()}
    pictures = {"confusion.png", "asteroids.png", *(f"learning-{number}.png" for number in (1, 2, 3, 4))}
    assert names == {"index.html", "report.md", "experiments.csv", *pictures}
    found = html.fromstring(index.read_text())
    inside = [base64.b64decode(each.get("src").partition(",")[2]) for each in found.iter("img")]
    assert inside == [(index.parent / name).read_bytes() for name in _pictures(index.parent / "report.md")]
    assert len(inside) == 6


def _pictures(report: Path) -> list[str]:
    return re.findall(r"^!\[.*\]\((.*)\)$", report.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.usefixtures("no_pictures")
def test_the_page_fetches_nothing_and_runs_nothing(tmp_path: Path) -> None:
    found = page(tmp_path, made.all_twelve())
    for attribute in ("src", "srcset", "data", "background", "poster", "action"):
        assert all(value.startswith("data:image/png;base64,") for value in found.xpath(f"//@{attribute}"))
    assert {each.tag for each in found.iter()} & {"script", "iframe", "object", "embed", "form", "base"} == set()
    assert [each.get("href") for each in found.iter("link")] == ["data:,"]
    policy = found.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    style = "".join(each.text for each in found.iter("style"))
    assert "url(" not in style
    assert "@import" not in style
    assert not any(re.match(r"on", name) for each in found.iter() for name in each.attrib)


@pytest.mark.usefixtures("no_pictures")
def test_links_lead_to_what_is_there(tmp_path: Path) -> None:
    found = page(tmp_path, [made.row(run="a b#?%&'<"), made.row(seed=1), made.failed(seed=2)])
    links = [each.get("href") for each in found.iter("a")]
    targets = [link for link in links if not link.startswith("#")]
    assert len(targets) == 2 * 3 + 3
    for link in targets:
        assert (tmp_path / "report" / unquote(link)).exists(), link
    anchors = {link[1:] for link in links if link.startswith("#")}
    assert anchors == {each.get("id") for each in found.iter("section")}


@pytest.mark.usefixtures("no_pictures")
def test_it_can_be_read_by_a_machine_that_reads_aloud(tmp_path: Path) -> None:
    found = page(tmp_path, made.all_twelve())
    assert found.get("lang") == "en"
    assert all(each.get("alt") for each in found.iter("img"))
    headings = [each.tag for each in found.iter("h1", "h2", "h3", "h4")]
    assert headings[0] == "h1"
    assert set(headings[1:]) == {"h2"}
    tables = list(found.iter("table"))
    assert len(tables) == 16
    for table in tables:
        assert text_of(table.find("caption"))
        assert all(each.get("scope") in ("col", "row", "colgroup") for each in table.iter("th"))
        widths = {
            sum(int(cell.get("colspan", 1)) for cell in line.iter("th", "td")) for line in table.iterfind("tbody/tr")
        }
        first = table.findall("thead/tr")[0]
        assert widths == {sum(int(cell.get("colspan", 1)) for cell in first)}
    identifiers = found.xpath("//@id")
    assert len(identifiers) == len(set(identifiers))
    assert {each.get("aria-labelledby") for each in found.iter("section")} <= set(identifiers)


@pytest.mark.usefixtures("no_pictures")
def test_the_numbers_are_in_the_page_and_in_the_markdown(tmp_path: Path) -> None:
    rows = [made.row(), made.failed("inceptionv3", 1, 0, "exit status 7")]
    found = text_of(page(tmp_path, rows))
    markdown_ = (tmp_path / "report" / "report.md").read_text()
    for text in (found, markdown_):
        for words in ("2,716", "0.114204", "3 of 290", "failed: exit status 7", "published, another dataset", "5,362"):
            assert words in text
        assert "1 of 2 runs are finished, 1 failed" in text
        assert "not comparable as a score" in text
        assert "Not all runs are finished" in text


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("weights", ["none", "imagenet"])
def test_random_weights_are_told_at_the_head(tmp_path: Path, weights: str) -> None:
    found = page(tmp_path, made.all_twelve(weights=weights))
    warnings = [text_of(each) for each in found.find_class("warning")]
    assert any("All runs began with random weights" in text for text in warnings) == (weights == "none")
    assert warnings or weights == "imagenet"


@pytest.mark.usefixtures("no_pictures")
def test_hostile_names_are_shown_and_do_nothing(tmp_path: Path) -> None:
    rows = [
        made.row(backbone=HOSTILE, experiment=HOSTILE, run="<img src=x onerror=alert(1)>", weights=HOSTILE),
        made.failed(seed=1, problem=HOSTILE),
        made.row(seed=2, operating_point=None, operating_point_problem=HOSTILE, test_at_point=None),
    ]
    counts = {HOSTILE: {"asteroid": 1, "non_asteroid": 2}}
    found = page(
        tmp_path,
        rows,
        records={"name": HOSTILE, "manifest_sha256": HOSTILE, "counts": counts},
        settings={HOSTILE: HOSTILE, "list": [HOSTILE, {HOSTILE: [HOSTILE]}]},
        machine={"processor": HOSTILE, "devices": [HOSTILE]},
        ceres_fast=HOSTILE,
    )
    assert not list(found.iter("script"))
    assert len(list(found.iter("img"))) == 1
    shown = " ".join(HOSTILE.replace("\ud800", "").replace("\u202e", "").split())
    assert text_of(found).count(shown) >= 10
    rendered = rendered_markdown(tmp_path)
    assert not list(rendered.iter("script", "code", "math"))
    assert len(list(rendered.iter("img"))) == 1
    assert {each.get("href")[:3] for each in rendered.iter("a")} == {"../"}
    assert text_of(rendered).count(shown) >= 10
    assert len(list(rendered.iter("table"))) == len(list(found.iter("table")))


def rendered_markdown(out: Path) -> etree._Element:
    """What a browser is given where HTML in Markdown is passed on: none may come from a value."""
    text = (out / "report" / "report.md").read_text()
    return html.fromstring(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))


@pytest.mark.usefixtures("no_pictures")
def test_the_markdown_has_the_tables_of_the_page(tmp_path: Path) -> None:
    found = page(tmp_path, [*made.all_twelve(), made.failed("xception", 2, 1)])
    rendered = rendered_markdown(tmp_path)

    def bodies(document: etree._Element) -> list[list[list[str]]]:
        return [
            [[text_of(cell) for cell in line if text_of(cell)] for line in table.iterfind("tbody/tr")]
            for table in document.iter("table")
        ]

    assert bodies(rendered) == bodies(found)
    assert [text_of(each) for each in rendered.iter("h2")] == [text_of(each) for each in found.iter("h2")]


@pytest.mark.usefixtures("no_pictures")
def test_a_line_per_run_for_other_programs(tmp_path: Path) -> None:
    rows = [made.row(), made.row(seed=1, operating_point=None, test_at_point=None), made.failed(seed=2)]
    write_report(made.write(tmp_path, rows))
    with (tmp_path / "report" / "experiments.csv").open(newline="") as stream:
        first, second, third = csv.DictReader(stream)
    assert first["run"] == "xception-experiment2-seed0"
    assert float(first["asteroid_recall"]) == rows[0]["scores"]["classes"]["asteroid"]["recall"]
    assert [first[name] for name in ("tn", "fp", "fn", "tp")] == ["2716", "84", "74", "1026"]
    assert float(first["point_threshold"]) == 0.114204
    assert (second["point_threshold"], second["test_lost"]) == ("", "")
    assert (third["finished"], third["accuracy"]) == ("False", "")


@pytest.mark.usefixtures("no_pictures")
def test_no_run_at_all(tmp_path: Path) -> None:
    found = page(tmp_path, [], records={"name": "", "counts": {}}, settings={}, machine={})
    assert "0 of 0 runs are finished" in text_of(found)


@pytest.mark.usefixtures("no_pictures")
def test_it_is_written_again_in_the_place_of_the_one_before(tmp_path: Path) -> None:
    first = write_report(made.write(tmp_path, [made.row(), made.failed(seed=1)])).read_text()
    second = write_report(made.write(tmp_path, [made.row(), made.row(seed=1)])).read_text()
    assert "failed" in first
    assert "failed" not in second
    assert write_report(tmp_path).read_text() == second
    assert not [path.name for path in (tmp_path / "report").iterdir() if path.name.startswith(".")]


@pytest.mark.usefixtures("no_pictures")
def test_what_cannot_be_read_leaves_the_report_before(tmp_path: Path) -> None:
    index = write_report(made.write(tmp_path, [made.row()]))
    before = index.read_bytes()
    (tmp_path / EXPERIMENTS_FILE).write_text("{")
    with pytest.raises(InputError, match=EXPERIMENTS_FILE):
        write_report(tmp_path)
    assert index.read_bytes() == before


@pytest.mark.usefixtures("no_pictures")
def test_a_disk_that_refuses_leaves_the_page_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = write_report(made.write(tmp_path, [made.row()]))
    before = index.read_bytes()
    made.write(tmp_path, [made.row(), made.row(seed=1)])

    def full(path: Path, text: str) -> None:
        raise CeresFastError(f"{path}: cannot be written (No space left on device).")

    monkeypatch.setattr(module, "write_text", full)
    with pytest.raises(CeresFastError, match="No space left"):
        write_report(tmp_path)
    assert index.read_bytes() == before


@pytest.mark.slow
def test_two_processes_write_one_report(tmp_path: Path) -> None:
    made.write(tmp_path, [made.row()])
    code = "import sys; from pathlib import Path; from ceres_fast.paper.report import write_report\n"
    code += "for _ in range(3): write_report(Path(sys.argv[1]))\n"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    assert (tmp_path / "report" / "index.html").read_text().rstrip().endswith("</html>")


def test_templates_are_part_of_the_package() -> None:
    from hatchling.builders.wheel import WheelBuilder

    builder = WheelBuilder(str(Path(__file__).parents[3]))
    shipped = {file.distribution_path for file in builder.recurse_included_files()}
    folder = "ceres_fast/paper/report/templates"
    assert {f"{folder}/{name}" for name in ("index.html.j2", "report.md.j2", "style.css")} <= shipped
    assert "ceres_fast/evaluation/templates/card.md.j2" in shipped


def test_csv_of_nothing() -> None:
    assert module.as_csv(Results("0", {}, {}, {}, 0.0, ())).strip() == ""
