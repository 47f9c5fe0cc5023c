"""`import ceres_fast`: what a program gets, that it is quick and typed, and that the examples of it run."""

from __future__ import annotations

import copy
import doctest
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import grimp
import numpy as np
import pytest
from astropy.table import Table

import ceres_fast
from ceres_fast.artifact.latest import name_latest
from ceres_fast.classify import classify
from ceres_fast.engines import Engine
from ceres_fast.selection.rules import Rules

from .survey_files import write_field, write_stamp
from .tiny_models import classifier, peak_model, written
from .tiny_networks import write_knowing_run
from .tiny_records import write_stamps

ROOT = Path(__file__).parents[1]
SCALING = {"method": "logistic", "temperature": 8.0, "bias": -1.0}
POINT = {"threshold": 0.4, "max_loss": 0.02, "confidence": 0.95, "needs": 3}
RUN = "20260101T120000-xception-experiment2"
CALIBRATED = {"threshold": 0.4, "operating_point": POINT, "scaling": SCALING, "rules": Rules().as_dict()}


def open_peak_model(folder: Path, **described: object) -> Engine:
    return ceres_fast.load(str(written(folder, peak_model(classifier_json=classifier(**described).to_json()))))


# ---- what is there


def test_every_name_is_there_and_listed() -> None:
    assert dir(ceres_fast) == sorted(ceres_fast.__all__)
    for name in ceres_fast.__all__:
        assert getattr(ceres_fast, name) is not None
        assert getattr(ceres_fast, name).__doc__ or name == "__version__"
    with pytest.raises(AttributeError, match="no attribute 'clasify'"):
        ceres_fast.clasify  # noqa: B018


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_it_imports_nothing_else() -> None:
    loaded = "sorted(name for name in sys.modules if name.partition('.')[0] in "
    loaded += "{'numpy', 'astropy', 'rich', 'typer', 'onnxruntime', 'tensorflow', 'keras', 'ceres_fast'})"
    assert run_python(f"import sys, ceres_fast; print({loaded})") == "['ceres_fast']\n"


def test_nothing_in_the_package_imports_the_front_door() -> None:
    imports = grimp.build_graph("ceres_fast", exclude_type_checking_imports=True, cache_dir=None)
    assert imports.find_modules_that_directly_import("ceres_fast.api") == set()


def test_scoring_needs_no_tensorflow(tmp_path: Path) -> None:
    path = written(tmp_path, peak_model())
    code = f"""
import sys
sys.modules.update(dict.fromkeys(["tensorflow", "keras", "onnx"]))  # importing them raises ModuleNotFoundError
import numpy as np, ceres_fast
print(ceres_fast.load({str(path)!r}).predict(np.zeros((3, 32, 32))).shape, callable(ceres_fast.classify_table))
"""
    assert run_python(code) == "(3,) True\n"


@pytest.mark.parametrize(
    ("name", "file"), [("classify", "classify"), ("export", "triton"), ("look", "look"), ("night", "run")]
)
@pytest.mark.parametrize("first", ["", "import ceres_fast.{0}.{1}\n", "from ceres_fast import {0}\n"])
def test_a_folder_of_a_functions_name_can_be_called(name: str, file: str, first: str) -> None:
    # Whatever was imported before, both are there: the function, and the files in the folder.
    code = f"""{first.format(name, file)}
import inspect, ceres_fast
function = inspect.signature(ceres_fast.{name})
from ceres_fast.{name} import {name}
assert function == inspect.signature({name}), function
try:
    ceres_fast.{name}()
except TypeError as error:
    print(error)
"""
    assert run_python(code).startswith(f"{name}() missing")


@pytest.mark.parametrize("name", ["classify", "export", "look", "night"])
def test_what_can_be_called_can_be_copied_and_sent_to_other_processes(name: str) -> None:
    function = getattr(ceres_fast, name)
    assert copy.deepcopy(function) is function
    assert copy.copy(function) is function
    assert pickle.loads(pickle.dumps(function)) is function


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"format": "xml"}, "--format xml: expected CSV or ECSV"),
        ({"on_error": "ignore"}, "--on-error ignore: expected stop or skip"),
        ({"needs": 0}, "--needs 0: expected a whole number of at least 1"),
        ({"needs": -1}, "--needs -1: expected a whole number of at least 1"),
        ({"slowest": float("nan")}, "--slowest nan: expected a number above 0"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(tmp_path: Path, wrong: dict[str, object], message: str) -> None:
    opened = open_peak_model(tmp_path)
    with pytest.raises(ceres_fast.CeresFastError, match=message):
        ceres_fast.classify(tmp_path, opened, output=tmp_path / "out", **wrong)  # type: ignore[arg-type]
    if "slowest" in wrong:
        with pytest.raises(ceres_fast.CeresFastError, match=message):
            ceres_fast.classify_table([], [], opened, **wrong)  # type: ignore[arg-type]
    elif "format" not in wrong:
        with pytest.raises(ceres_fast.CeresFastError, match=message):
            ceres_fast.build_records(tmp_path, tmp_path / "records", **wrong)  # type: ignore[arg-type]


# ---- types


CALLER = """
import numpy as np
from pathlib import Path
import ceres_fast

classifier = ceres_fast.load("runs/latest")
reveal_type(classifier.predict(np.zeros((3, 32, 32), np.uint16), raw=True))
reveal_type(classifier.threshold)
reveal_type(ceres_fast.classify([Path("night")], "model.onnx", output="out").written)
reveal_type(ceres_fast.build_records("stamps", Path("records")))
reveal_type(ceres_fast.train("records", ceres_fast.Settings("xception")))
reveal_type(ceres_fast.evaluate("run", "records").accuracy)
reveal_type(ceres_fast.calibrate("run", "records").threshold)
reveal_type(ceres_fast.export("run", output="model.onnx"))
reveal_type(ceres_fast.inspect("records"))
reveal_type(ceres_fast.night("night", "model.onnx", output="out").status)
reveal_type(ceres_fast.read_night("out").records)
"""
WRONG = """
import ceres_fast
ceres_fast.load(3)
ceres_fast.load("model.onnx").predict("a")
ceres_fast.classify(["night"], "model.onnx")
ceres_fast.clasify
"""


def mypy(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    script, cache = folder / "caller.py", folder / "cache"
    script.write_text(code)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache, "--follow-imports", "silent", script]
    # The package is found as an installed one is, by its py.typed; no configuration of this checkout is read.
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


@pytest.mark.slow
def test_a_caller_sees_the_types(tmp_path: Path) -> None:
    done = mypy(tmp_path, CALLER)
    assert done.returncode == 0, done.stdout + done.stderr
    revealed = [line.partition('Revealed type is "')[2].rstrip('"') for line in done.stdout.splitlines()[:-1]]
    shown = [text.split("[")[0].rpartition(".")[2] for text in revealed if text]  # Path of pathlib.Path
    assert shown == ["ndarray", "float", "list", "Manifest", "Path", "float", "float", "Path", "dict", "int", "list"]
    done = mypy(tmp_path, WRONG)
    wrong = [line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line]
    assert wrong == ["3", "5", "6"], done.stdout


# ---- the classifier


@pytest.mark.parametrize("scaling", [SCALING, None], ids=["scaled", "not scaled"])
def test_predict_and_the_threshold_are_on_the_scale_of_what_classify_writes(
    tmp_path: Path, scaling: dict[str, object] | None
) -> None:
    opened = open_peak_model(tmp_path, **{**CALIBRATED, "scaling": scaling})
    y, x = np.mgrid[-16:16, -16:16]
    peaks = [5, 20, 40, 50, 60, 80, 120, 400]
    stamps = np.stack([1000 + peak * np.exp(-(x**2 + y**2) / 4) for peak in peaks]).astype(np.float32)
    stamps = np.concatenate([stamps, np.full((1, 32, 32), 1000, np.float32)])  # of which nobody can say anything
    for number, pixels in enumerate(stamps):
        write_stamp(tmp_path / "stamps" / f"s{number}.fits", pixels)
    result = classify(tmp_path / "stamps", opened, output=tmp_path / "all.ecsv", on_error="skip")
    table = Table.read(tmp_path / "all.ecsv")
    probabilities = opened.predict(stamps)
    assert np.isnan(probabilities[-1])
    assert np.isfinite(opened.predict(stamps, raw=True)).all()
    np.testing.assert_array_equal(probabilities, table["PROB_ASTEROID"])
    called = probabilities >= opened.threshold
    assert 0 < called.sum() < len(called) - 1
    assert result.total["asteroids"] == called.sum()
    classify(tmp_path / "stamps", opened, output=tmp_path / "kept.ecsv", drop=True, on_error="skip")
    kept = Table.read(tmp_path / "kept.ecsv")
    assert list(kept["file"]) == list(table["file"][called | np.isnan(probabilities)])
    # On another scale are the network's own numbers, where there is a scaling.
    raw = opened.predict(stamps[:-1], raw=True)
    assert np.allclose(raw, probabilities[:-1], atol=1e-6) == (scaling is None)


def test_predict_reads_any_array(tmp_path: Path) -> None:
    opened = open_peak_model(tmp_path)
    counts = np.random.default_rng(0).integers(100, 200, (3, 32, 32))
    expected = opened.predict(counts.astype(np.float32))
    for kind in ("uint16", ">i2", "int64", "float16", "<f8", ">f4"):
        np.testing.assert_array_equal(opened.predict(counts.astype(kind)), expected)
    for given in (counts.tolist(), counts[..., None], np.asfortranarray(counts), counts[::-1, ::-1][::-1, ::-1]):
        np.testing.assert_array_equal(opened.predict(given), expected)
    masked = np.ma.masked_equal(counts, counts[1, 5, 5])
    assert np.isnan(opened.predict(masked)[1])
    huge = counts.astype(np.float64)
    huge[2, 0, 0] = 1e300  # more than float32 holds
    np.testing.assert_array_equal(np.isnan(opened.predict(huge)), [False, False, True])


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        (np.zeros((32, 32)), r"shape \(32, 32\), not \(n, 32, 32, 1\)"),
        (np.zeros((2, 32, 32, 3)), r"shape \(2, 32, 32, 3\)"),
        (np.zeros((2, 32, 32), complex), "type complex128, expected real numbers"),
        (np.full((2, 32, 32), "a"), "expected real numbers"),
    ],
)
def test_predict_refuses_what_are_no_stamps(tmp_path: Path, stamps: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_peak_model(tmp_path).predict(stamps)


def test_a_classifier_says_what_it_is(tmp_path: Path) -> None:
    calibrated = open_peak_model(tmp_path, **CALIBRATED)
    assert (calibrated.threshold, calibrated.operating_point) == (0.4, POINT)
    first, second = repr(calibrated).splitlines()
    assert first.startswith(f"<Xception, experiment 2, in {tmp_path / 'classifier.onnx'} on ONNX Runtime ")
    assert second == (
        " threshold 0.4: with a confidence of 0.95, at most 0.02 of the asteroids that are detected in 3 exposures of "
        "a night or more are lost>"
    )
    by_field = open_peak_model(tmp_path, **CALIBRATED | {"operating_point": {**POINT, "by": "field"}})
    assert "at most 0.02 of a field's asteroids, in the mean over fields, that are detected in 3" in repr(by_field)
    assert repr(open_peak_model(tmp_path)).endswith(
        " threshold 0.5: no guarantee applies, because it was not calibrated>"
    )


# ---- records


def test_records_are_read(tiny_records: Path) -> None:
    table = ceres_fast.read_records(str(tiny_records), "test")
    assert "stamp" not in table.colnames
    assert table["mjd"].unit == "d"
    assert table["gain"].unit == "electron/adu"
    assert table["label"].description == "1 asteroid, 0 non-asteroid"
    stamps = ceres_fast.read_records(tiny_records, "test", ["stamp"])
    assert stamps.colnames == ["stamp"]
    pairs = list(ceres_fast.dataset(str(tiny_records), "test", batch_size=5, columns=["mjd"]))
    np.testing.assert_array_equal(np.concatenate([pair[0] for pair in pairs]), stamps["stamp"])
    np.testing.assert_array_equal(np.concatenate([pair[1] for pair in pairs]), table["label"])
    np.testing.assert_array_equal(np.concatenate([pair[2]["mjd"] for pair in pairs]), table["mjd"])
    for read in (ceres_fast.read_records, ceres_fast.dataset):
        with pytest.raises(ceres_fast.CeresFastError, match=r"columns is 'label': expected .* such as \['label'\]"):
            read(tiny_records, "test", columns="label")
    with pytest.raises(ceres_fast.CeresFastError, match="no column 'colour'"):
        ceres_fast.read_records(tiny_records, "test", ["colour"])
    with pytest.raises(ceres_fast.InputError, match="does not exist"):
        ceres_fast.read_records(str(tiny_records / "nothing"), "test")


# ---- examples


@pytest.fixture(scope="module")
def example_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What docs/python.md says that its examples run in, with a tiny network in the place of a backbone."""
    from .tiny_networks import tiny_network

    folder = tmp_path_factory.mktemp("examples")
    write_stamps(folder / "data" / "training")
    ceres_fast.build_records(folder / "data" / "training", folder / "records", calibration_asteroids=3)
    for frame in write_field(folder / "survey"):
        (folder / "night").mkdir(exist_ok=True)
        shutil.copy(frame, folder / "night")
        shutil.copy(frame.parents[1] / "sextractor_cat" / f"{frame.stem}.cat", folder / "night")
    with pytest.MonkeyPatch.context() as patch:
        for place in ("training.assemble", "training.start", "model.load"):
            patch.setattr(f"ceres_fast.{place}.build_model", tiny_network)
        (folder / "runs").mkdir()
        scaling = {"method": "logistic", "temperature": 2.0, "bias": -1.0}
        made = {**CALIBRATED, "rules": Rules(), "scaling": scaling}
        ceres_fast.export(write_knowing_run(folder / "runs" / RUN, gain=40.0, **made))
        ceres_fast.export(write_knowing_run(folder / "runs" / "second"))
        yield folder


def run_examples(text: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the examples in a text, in a folder; what functions print besides goes to standard error."""
    from ceres_fast import console

    name_latest(folder / "runs" / RUN)  # another example may have trained a newer one
    monkeypatch.chdir(folder)
    monkeypatch.setattr(console, "console", console.errors)
    test = doctest.DocTestParser().get_doctest(text, {"ceres_fast": ceres_fast, "np": np}, name, name, 0)
    assert test.examples
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert runner.run(test, out=said.append).failed == 0, "".join(said)


EXAMPLES = sorted(name for name in ceres_fast.__all__ if name.islower() and name != "__version__")
"""Functions, each of which has examples that need nothing of another's."""


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_a_function_run(name: str, example_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = getattr(ceres_fast, name)
    text = (found.__call__ if isinstance(found, ModuleType) else found).__doc__
    assert "Examples\n" in text
    run_examples(text, name, example_folder, monkeypatch)


@pytest.mark.slow
def test_the_examples_of_the_page_run(example_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    run_examples(text, "docs/python.md", example_folder, monkeypatch)
    for name in set(ceres_fast.__all__) - {"__version__"}:
        assert name in text, f"docs/python.md does not show {name}"


EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": sys.argv[2]}}).execute()
nbformat.write(notebook, sys.argv[3])
"""


@pytest.mark.slow
def test_the_notebook_runs(example_folder: Path, tmp_path: Path) -> None:
    name_latest(example_folder / "runs" / RUN)
    notebook = ROOT / "docs" / "notebooks" / "ten-best-stamps.ipynb"
    stored = json.loads(notebook.read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") for cell in stored["cells"])
    # In a process of its own, as the kernel is: Jupyter's own warnings are no errors of these tests.
    command = [sys.executable, "-c", EXECUTE, notebook, example_folder, tmp_path / "run.ipynb"]
    environment = os.environ | {"HOME": str(tmp_path)}  # where Jupyter writes, wherever the home of this process is
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cells = json.loads((tmp_path / "run.ipynb").read_text(encoding="utf-8"))["cells"]
    shown = [kind for cell in cells for output in cell.get("outputs", []) for kind in output.get("data", {})]
    assert "image/png" in shown
