"""The tables: every number in its place, what the paper printed beside it, and what is not there said so."""

from __future__ import annotations

from pathlib import Path
from statistics import stdev
from typing import Any

import pytest

from ceres_fast.errors import InputError
from ceres_fast.paper.report import run_tables, tables
from ceres_fast.paper.report.cells import Line, Table, spread
from ceres_fast.paper.report.results import EXPERIMENTS_FILE, Results, read_results
from ceres_fast.stamps import CLASSES

from . import made


def results(out: Path, rows: list[dict[str, Any]], **changed: Any) -> Results:
    return read_results(made.write(out, rows, **changed) / EXPERIMENTS_FILE)


def lines(table: Table, *heads: str) -> list[Line]:
    return [line for line in table.lines if line.heads[: len(heads)] == heads]


def whole(table: Table) -> bool:
    """Whether every line has what the table's head says."""
    return all(
        len(line.heads) == len(table.heads) and (line.text or len(line.cells) == len(table.columns))
        for line in table.lines
    )


def test_the_paper_s_table_has_what_was_measured_and_what_was_published(tmp_path: Path) -> None:
    metrics, matrices = tables.paper_tables(results(tmp_path, [made.row("resnet152v2", 1)]))
    assert metrics.caption.startswith("ResNet152V2")
    assert [name for _, name in metrics.columns] == [*("precision", "recall", "F1") * 2, "accuracy", "loss"]
    here, published = metrics.lines
    scores = made.row("resnet152v2", 1)["scores"]
    per_class = [scores["classes"][name][metric] for name in CLASSES for metric in ("precision", "recall", "f1")]
    assert here.heads == ("1", "here")
    assert here.cells == tuple(f"{value:.3f}" for value in (*per_class, scores["accuracy"], scores["loss"]))
    # Bacu et al. 2023, from 4861, 1122, 405 (printed 105), 1926: the class of asteroids as printed.
    assert published.heads == ("1", "published, another dataset")
    assert published.kind == "published"
    assert published.cells == ("0.92", "0.81", "0.86", "0.63", "0.83", "0.72", "0.82", "0.48")
    assert [line.cells for line in matrices.lines] == [
        tuple(f"{count:,}" for line in scores["confusion"] for count in line),
        ("4,861", "1,122", "405", "1,926"),
    ]
    assert any("not comparable as a score" in note for note in metrics.notes)
    assert any("from probability 0.5 on" in note for note in metrics.notes)


def test_all_twelve_have_published_figures(tmp_path: Path) -> None:
    found = tables.paper_tables(results(tmp_path, made.all_twelve()))
    assert len(found) == 8
    assert all(map(whole, found))
    for table in found:
        assert [line.heads[0] for line in table.lines] == ["1", "1", "2", "2", "3", "3"]
        assert [line.kind for line in table.lines] == ["", "published"] * 3


def test_what_the_paper_has_not_is_shown_alone(tmp_path: Path) -> None:
    metrics, _ = tables.paper_tables(results(tmp_path, [made.row("mobilenet", 2), made.row("mobilenet", 4)]))
    assert metrics.caption.startswith("mobilenet")
    assert [line.heads for line in metrics.lines] == [("2", "here"), ("4", "here")]


def test_seeds_become_mean_and_spread(tmp_path: Path) -> None:
    losses = enumerate((0.2, 0.3, 0.25))
    rows = [made.row(seed=seed, scores=made.scores(2700, 100, 100, 900, loss=loss)) for seed, loss in losses]
    metrics, matrices = tables.paper_tables(results(tmp_path, rows))
    here = metrics.lines[0]
    assert here.heads == ("2", "here, 3 seeds")
    assert here.cells[-1] == f"0.250 ±\xa0{stdev([0.2, 0.3, 0.25]):.3f}" == "0.250 ±\xa00.050"
    assert matrices.lines[0].cells[0] == "2,700 ±\xa00"
    overview = tables.overview(results(tmp_path, rows))
    assert "sample standard deviation" in overview.notes[1]


def test_one_line_per_experiment_at_a_glance(tmp_path: Path) -> None:
    rows = [made.row(), made.row(seed=1, test_at_point={**made.AT_POINT, "share": 0.02}), made.row("resnet152v2", 3)]
    rows[2] |= {"operating_point": None, "test_at_point": None}
    table = tables.overview(results(tmp_path, rows))
    assert whole(table)
    xception, resnet = table.lines
    assert xception.heads == ("Xception", "2", "here, 2 seeds")
    shares = made.AT_POINT["share"], 0.02
    assert xception.cells[3] == f"{sum(shares) / 2:.3f} ±\xa0{stdev(shares):.3f}"
    assert xception.cells[4:6] == ("123.1 ±\xa00.0", "198 ±\xa01")
    assert resnet.cells[3:5] == ("–", "–")
    assert resnet.cells[2] == "0.951"


def test_a_seed_that_failed_is_left_out_of_the_mean_and_counted(tmp_path: Path) -> None:
    rows = [made.row(), made.failed(seed=1), made.row(seed=2)]
    found = results(tmp_path, rows)
    assert tables.paper_tables(found)[0].lines[0].heads == ("2", "here, 2 of 3 seeds")


@pytest.mark.parametrize("problem", ["exit status 1", None])
def test_what_is_not_finished_says_why(tmp_path: Path, problem: str | None) -> None:
    found = results(tmp_path, [made.failed(problem=problem), made.row("inceptionv3")])
    said = f"failed: {problem}" if problem else "not finished"
    for table in [
        tables.overview(found),
        tables.paper_tables(found)[0],
        tables.paper_tables(found)[1],
        tables.areas(found),
        run_tables.points_table(found),
        run_tables.reliability_table(found),
    ]:
        assert whole(table)
        line = table.lines[0]
        assert (line.text, line.kind, line.cells) == (said, "problem", ())
    line = run_tables.runs_table(found, tmp_path).lines[0]
    assert said in (line.text, *line.cells)


def test_random_weights_are_told_in_every_table_of_runs(tmp_path: Path) -> None:
    found = results(tmp_path, made.all_twelve(weights="none"))
    shown = [
        tables.overview(found),
        *tables.paper_tables(found),
        tables.areas(found),
        run_tables.runs_table(found, tmp_path),
        run_tables.points_table(found),
        run_tables.reliability_table(found),
    ]
    for table in shown:
        for line in table.lines:
            assert line.kind == "published" or any("random weights" in head for head in line.heads)
    found = results(tmp_path / "imagenet", made.all_twelve())
    assert not any("random" in head for line in tables.overview(found).lines for head in line.heads)


def test_intervals_of_single_runs(tmp_path: Path) -> None:
    table = tables.areas(results(tmp_path, [made.row()]))
    assert whole(table)
    area, average, *_ = table.lines[0].cells
    assert area == "0.951 [0.931,\xa00.971]"
    assert average == "0.901"


def test_trees_beside_the_networks_that_have_them(tmp_path: Path) -> None:
    plain = made.row()
    area = {"value": 0.94, "low": 0.9, "high": 0.97}
    beside = {"verdict": "does not beat", "trees": {"roc_auc": area}, "completeness": 3}
    compared = made.row(seed=1, scores={**plain["scores"], "yardstick": beside})
    table = tables.areas(results(tmp_path, [plain, compared]))
    assert whole(table)
    assert [line.cells[-2:] for line in table.lines] == [("–", "–"), ("0.940 [0.900,\xa00.970]", "does not beat")]
    with pytest.raises(InputError, match=r"scores\.yardstick\.trees lacks roc_auc"):
        results(tmp_path / "strange", [made.row(scores={**plain["scores"], "yardstick": beside | {"trees": {}}})])


def test_operating_points_and_what_they_do(tmp_path: Path) -> None:
    no_asteroids = {"asteroids": 0, "lost": 0, "share": None, "low": None, "high": None}
    rows = [
        made.row(),
        made.row(seed=1, operating_point=None, test_at_point=None, operating_point_problem="41 asteroids are too few"),
        made.row(seed=2, test_at_point=None),
        made.row(seed=3, test_at_point={**made.AT_POINT, **no_asteroids}),
    ]
    table = run_tables.points_table(results(tmp_path, rows))
    assert whole(table)
    measured, none, unmeasured, empty = table.lines
    assert measured.cells == ("0.114204", "312", "2 (2)", "125.0", "3 of 290", "0.010 [0.002,\xa00.030]", "123.1")
    assert (none.text, none.kind) == ("41 asteroids are too few", "")
    assert unmeasured.cells[4] == "not measured"
    assert empty.cells[4:6] == ("0 of 0", "–")
    assert "at most 2 % of the asteroids are lost, with a confidence of 95 %" in table.notes[0]
    assert "fewer than 3 exposures" in table.notes[0]


def test_reliability_before_and_after(tmp_path: Path) -> None:
    table = run_tables.reliability_table(results(tmp_path, [made.row(), made.row(seed=1, reliability=None)]))
    assert whole(table)
    assert table.lines[0].cells == ("0.0712", "0.0134", "0.0891", "0.0802")
    assert table.lines[1].text == "the probabilities were not scaled"


def test_runs_with_their_time_and_folders(tmp_path: Path) -> None:
    rows = [made.row(run="a b&c"), made.row(seed=1), made.failed(seed=2)]
    found = results(tmp_path, rows)
    (tmp_path / rows[1]["run"] / "calibration").rmdir()
    table = run_tables.runs_table(found, tmp_path)
    assert whole(table)
    state, epochs, kept, training, frozen, rate, links = table.lines[0].cells
    assert (state, epochs, kept, training, frozen, rate) == ("finished", "6", "5", "3.3 min", "44 s", "1,516")
    assert [(link.text, link.href) for link in links] == [
        ("test", "../a%20b%26c/evaluation-test/"),
        ("validation", "../a%20b%26c/evaluation-validation/"),
        ("calibration", "../a%20b%26c/calibration/"),
    ]
    assert [link.text for link in table.lines[1].cells[-1]] == ["test", "validation"]
    assert table.lines[1].cells[4] == "–"
    assert table.lines[2].text == "failed: exit status 1"


def test_a_run_that_has_not_begun_has_no_numbers(tmp_path: Path) -> None:
    table = run_tables.runs_table(results(tmp_path, [made.failed(problem=None)]), tmp_path)
    assert table.lines[0].cells == ("not finished", "–", "–", "–", "–", "–", [])


def test_software_is_that_of_the_first_run_that_says_it(tmp_path: Path) -> None:
    found = results(tmp_path, [made.row(), made.row(seed=1), made.row(seed=2)])
    assert run_tables.software_table(found, tmp_path) == []
    (tmp_path / found.rows[0].run / "provenance.json").write_text("[")
    (tmp_path / found.rows[1].run / "provenance.json").write_text('{"versions": {"keras": "3.15.1"}}')
    (tmp_path / found.rows[2].run / "provenance.json").write_text('{"versions": {"keras": "2"}}')
    (table,) = run_tables.software_table(found, tmp_path)
    assert [line.heads + line.cells for line in table.lines] == [("keras", "3.15.1")]


def test_counts_of_the_records(tmp_path: Path) -> None:
    table = run_tables.records_table(results(tmp_path, [made.row()]))
    assert table.lines[0].heads + table.lines[0].cells == ("train", "9,000", "4,100", "13,100")
    assert whole(table)


def test_settings_are_words() -> None:
    told = {
        "class_weights": True,
        "batch_size": 128,
        "devices": ["GPU", "GPU"],
        "jit": False,
        "x": None,
        "memory_gib": 7.8,
    }
    table = run_tables.settings_table("Settings", told)
    assert [(line.heads[0], line.cells[0]) for line in table.lines] == [
        ("class weights", "yes"),
        ("batch size", "128"),
        ("devices", "GPU, GPU"),
        ("jit", "no"),
        ("x", "–"),
        ("memory, GiB", "7.8"),
    ]


def test_groups_of_columns_stand_above_their_columns() -> None:
    table = Table("", (), (("", "a"), ("g", "b"), ("g", "c"), ("", "d"), ("", "e"), ("h", "f")), [])
    assert table.spans == [("a", 0), ("g", 2), ("d", 0), ("e", 0), ("h", 1)]
    assert Table("", (), (("", "a"), ("", "b")), []).spans == []


@pytest.mark.parametrize(
    ("values", "text"),
    [([], "–"), ([None, "x", float("nan")], "–"), ([1], "1.000"), ([1, None], "1.000"), ([1, 3], "2.000 ±\xa01.414")],
)
def test_spread_is_of_what_is_known(values: list[Any], text: str) -> None:
    assert spread(values) == text
