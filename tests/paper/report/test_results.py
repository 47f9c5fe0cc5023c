"""Reading experiments.json: what is in it is read; what cannot be is refused, with the row and the key."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceres_fast.errors import InputError
from ceres_fast.paper.report.results import EXPERIMENTS_FILE, read_results

from . import made


def read(out: Path) -> Any:
    return read_results(out / EXPERIMENTS_FILE)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rows = [made.row("xception", 1), made.row("xception", 2, 1), made.failed("inceptionv3", 2, 7, "killed by signal 9")]
    found = read(made.write(tmp_path, rows))
    assert (found.version, found.seconds, found.records["name"]) == ("0.1.0", 8123.0, "stamps")
    assert [row.run for row in found.rows] == [row["run"] for row in rows]
    first, second, third = found.rows
    assert first.scores == rows[0]["scores"]
    assert first.history == tuple(rows[0]["history"])
    assert (second.seed, second.prefix_seconds, second.key) == (1, None, ("xception", "2"))
    assert (third.finished, third.problem, third.scores, third.history) == (False, "killed by signal 9", None, ())


def test_groups_are_the_seeds_of_an_experiment(tmp_path: Path) -> None:
    found = read(made.write(tmp_path, made.all_twelve(seeds=3)))
    groups = found.groups()
    assert len(groups) == 12
    assert [row.seed for row in groups["resnet152v2", "3"]] == [0, 1, 2]
    assert list(found.backbones()) == list(made.BACKBONES)
    assert all(len(each) == 3 for each in found.backbones().values())


def test_only_random_weights_are_random(tmp_path: Path) -> None:
    rows = [made.row(seed=seed, weights=name) for seed, name in enumerate(("none", "imagenet", "none.weights.h5"))]
    assert [row.random for row in read(made.write(tmp_path, rows)).rows] == [True, False, False]


HUGE = 10**400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("backbone", None),
        ("backbone", ["xception"]),
        ("seed", -1),
        ("seed", True),
        ("run", None),
        ("run", ""),
        ("run", ".."),
        ("run", "../elsewhere"),
        ("run", "/etc"),
        ("run", "a\\b"),
        ("run", "a\nb"),
        ("run", "\ud800"),
        ("run", "x" * 5000),
        ("finished", "yes"),
        ("finished", None),
        ("seconds", "long"),
        ("seconds", HUGE),
        ("epochs", 1.5),
        ("epochs", HUGE),
        ("history", {}),
        ("history", [1]),
        ("scores", None),
        ("scores", []),
        ("scores", {}),
        ("operating_point", {"threshold": 0.5}),
        ("test_at_point", {**made.AT_POINT, "low": "none"}),
        ("test_at_point", [1]),
        ("reliability", {"before": {"ece": 0.1, "brier": 0.1}}),
        ("problem", 3),
        ("weights", None),
    ],
)
def test_a_row_that_cannot_be_is_refused(tmp_path: Path, name: str, value: object) -> None:
    rows = [made.row(), made.row(seed=1)]
    made.write(tmp_path, rows)
    changed = made.experiments([rows[0], {**rows[1], name: value}])
    (tmp_path / EXPERIMENTS_FILE).write_text(json.dumps(changed))
    with pytest.raises(InputError, match=rf"{EXPERIMENTS_FILE}, row 2: .*(?s:.)*{name}.*again"):
        read(tmp_path)


@pytest.mark.parametrize(("name", "value"), [("seconds", float("nan")), ("epochs", float("inf"))])
def test_what_no_json_holds_is_refused(tmp_path: Path, name: str, value: object) -> None:
    (tmp_path / EXPERIMENTS_FILE).write_text(json.dumps(made.experiments([made.row(**{name: value})])))
    with pytest.raises(InputError, match=f"{EXPERIMENTS_FILE}: is not valid JSON.*again"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ceres_fast", None),
        ("records", {}),
        ("records", {"name": "a", "counts": {"test": {"asteroid": 1}}}),
        ("records", {"name": "a", "counts": {"test": {"asteroid": -1, "non_asteroid": 1}}}),
        ("records", {"name": "a", "counts": {"test": {"asteroid": 1, "non_asteroid": 1, "star": 1}}}),
        ("records", {"name": "a", "counts": [1]}),
        ("settings", []),
        ("machine", None),
        ("seconds", "1"),
        ("rows", {}),
        ("rows", None),
    ],
)
def test_a_whole_that_cannot_be_is_refused(tmp_path: Path, name: str, value: object) -> None:
    (tmp_path / EXPERIMENTS_FILE).write_text(json.dumps({**made.experiments([made.row()]), name: value}))
    with pytest.raises(InputError, match=f"{EXPERIMENTS_FILE}: .*{name}"):
        read(tmp_path)


@pytest.mark.parametrize("path", [("confusion", 0, 0), ("confusion", 1), ("classes", "asteroid"), ("accuracy",)])
@pytest.mark.parametrize("value", [None, "1", -3.5, [], [[1]], {"precision": 1}])
def test_scores_that_cannot_be_are_refused(tmp_path: Path, path: tuple[Any, ...], value: object) -> None:
    changed = copy.deepcopy(made.row())
    place = changed["scores"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    (tmp_path / EXPERIMENTS_FILE).write_text(json.dumps(made.experiments([changed])))
    if path == ("accuracy",) and value == -3.5:
        assert read(tmp_path).rows[0].test["accuracy"] == -3.5
        return
    with pytest.raises(InputError, match=r"row 1: scores\.(confusion|classes|accuracy).* (is|lacks) .*expected"):
        read(tmp_path)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "null", "\xff", "[" * 100_000, '{"rows": [1]}'])
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / EXPERIMENTS_FILE).write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=EXPERIMENTS_FILE):
        read(tmp_path)


def test_a_row_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / EXPERIMENTS_FILE).write_text(json.dumps(made.experiments([made.row(), 7])))  # type: ignore[list-item]
    with pytest.raises(InputError, match="row 2: is 7; expected an object of backbone, "):
        read(tmp_path)


def test_two_rows_of_one_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names a run twice"):
        read(made.write(tmp_path, [made.row(), made.row(seed=1, run=made.row()["run"])]))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150)
@given(st.sampled_from(sorted(made.row())), json_values)
def test_whatever_a_value_is_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: object
) -> None:
    path = tmp_path_factory.mktemp("any") / EXPERIMENTS_FILE
    path.write_text(json.dumps(made.experiments([{**made.row(), name: value}])))
    # Anything but this one error is a failure.
    with suppress(InputError):
        assert len(read_results(path).rows) == 1
