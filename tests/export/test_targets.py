"""Products beside the float ONNX file: int8, engines, repositories; of a run, or of a file that was exported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

from ceres_fast.artifact.classifier import ONNX_METADATA_KEY, read_classifier
from ceres_fast.artifact.products import PRECISIONS, as_product
from ceres_fast.engines import Engine
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.export import BATCHES, export, onnx_file, proof
from ceres_fast.export.proof import against_keras
from ceres_fast.export.proof.tolerances import Tolerances
from ceres_fast.files import sha256_of

from ..tiny_networks import write_run
from .exported import contents, engine_of, no_tolerance


@pytest.fixture
def run(tmp_path: Path, tiny_classifier: None) -> Path:
    return write_run(tmp_path / "run")


def test_int8_needs_records(run: Path) -> None:
    before = contents(run)
    with pytest.raises(CeresFastError, match="int8: needs records"):
        export(run, precision="int8")
    assert contents(run) == before


def test_int8_is_chosen_on_one_split_and_proven_on_another(
    run: Path, tiny_records: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: dict[str, Any] = {}

    def quantise(
        graph: onnx.ModelProto,
        ranges: np.ndarray,
        score: Callable[[onnx.ModelProto], Any],
        tolerances: Tolerances,
        report: Callable[[Any], None],
        views: int,
    ) -> SimpleNamespace:
        scores = score(graph)
        report(SimpleNamespace(what="nothing", method="", scores=scores))
        seen.update(ranges=ranges, scores=scores, search_tolerances=tolerances)
        return SimpleNamespace(model=graph, text=lambda: "int8: 0 of 2 layers", as_dict=lambda: {"method": "none"})

    def prove(engine: Engine, stamps: Any, tolerances: Tolerances, answers: np.ndarray) -> proof.Proof:
        seen.update(split=stamps.split, described=engine.classifier, tolerances=tolerances)
        proven_by.append(type(engine).__name__)
        return proof.prove(engine, stamps, tolerances, answers)

    proven_by: list[str] = []

    monkeypatch.setattr("ceres_fast.export.quantise.quantise", quantise)
    monkeypatch.setattr("ceres_fast.export.quantise.calibration_stamps", lambda records: f"stamps of {records.name}")
    monkeypatch.setattr(against_keras, "prove", prove)
    path = export(run, precision="int8", records=tiny_records)
    assert path == run / "classifier-int8.onnx"
    assert read_classifier(run).onnx_files() == {"onnx-int8": path.name}
    assert proven_by == ["OnnxRuntimeEngine", "GpuArithmetic"]
    assert json.loads(path.with_suffix(".proof.json").read_text())["int8"] == {"method": "none"}
    assert seen["ranges"] == "stamps of records"
    assert (seen["scores"].recall_loss, seen["scores"].changed) == (0, 0)
    assert seen["split"] == "test"
    assert seen["described"] == as_product(read_classifier(run), "int8")
    assert seen["tolerances"] == seen["search_tolerances"] == proof.tolerances_for("int8")
    printed = capsys.readouterr().out
    assert "int8, nothing: recall falls by 0.0000, 0.00% of the decisions change" in printed
    assert "int8: 0 of 2 layers" in printed


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What engines and repositories are asked to be made of, in the place of which nothing is made."""
    calls: list[tuple[Any, ...]] = []

    def write_engine(
        onnx: Path, name: str, options: Any, *, output: Path | None, overwrite: bool, records: Path | None
    ) -> Path:
        calls.append((onnx, name, options, output, overwrite, records))
        return onnx.with_suffix(".engine")

    def write_repository(product: Path, repository: Path, *, batches: tuple[int, ...]) -> Path:
        calls.append((product, repository, batches))
        return repository / "1"

    for name, module in {
        "engines.tensorrt": SimpleNamespace(__path__=[]),
        "engines.tensorrt.flavours": SimpleNamespace(EngineOptions=SimpleNamespace),
        "export.engine_files": SimpleNamespace(write_engine=write_engine),
        "export.triton": SimpleNamespace(write_repository=write_repository),
    }.items():
        monkeypatch.setitem(sys.modules, f"ceres_fast.{name}", module)
    return calls


def test_an_engine_is_made_of_the_run_s_file(run: Path, tmp_path: Path, built: list[tuple[Any, ...]]) -> None:
    assert export(run, to="tensorrt") == run / "classifier.engine"
    options = SimpleNamespace(batches=BATCHES)
    assert built == [(run / "classifier.onnx", "tensorrt", options, None, False, None)]
    made = sha256_of(run / "classifier.onnx")

    # It is exported again only where it would be another one.
    export(run, to="tensorrt-rtx", output=tmp_path / "out", overwrite=True, batches=[8])
    assert built[1] == (
        run / "classifier.onnx",
        "tensorrt-rtx",
        SimpleNamespace(batches=(8,)),
        tmp_path / "out",
        True,
        None,
    )
    assert sha256_of(run / "classifier.onnx") == made
    changed = replace(read_classifier(run), threshold=0.25)
    changed.write(run)
    chosen = SimpleNamespace(batches=(2,))
    export(run, to="tensorrt", options=chosen)
    assert built[2][2] is chosen
    assert engine_of(run).classifier.threshold == 0.25
    assert sha256_of(run / "classifier.onnx") != made

    export(run, to="tensorrt", precision="float16")
    assert built[3][0] == run / "classifier-float16.onnx"
    assert engine_of(run, "float16").classifier.precision == "float16"


def older(path: Path) -> None:
    """Let the file be one from before its properties said more than the classifier."""
    made = onnx.load(path)
    onnx.helper.set_model_props(made, {p.key: p.value for p in made.metadata_props if p.key == ONNX_METADATA_KEY})
    onnx.save(made, path)
    run = path.parent
    read_classifier(run).with_file("onnx", path).write(run)


def missing(path: Path) -> None:
    path.unlink()


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("damage", [older, missing, damaged])
def test_a_file_that_cannot_be_used_is_exported_again(
    run: Path, damage: Callable[[Path], None], built: list[tuple[Any, ...]]
) -> None:
    path = export(run)
    good = onnx_file.up_to_date(read_classifier(run), "float32")
    assert good == path
    damage(path)
    assert onnx_file.up_to_date(read_classifier(run), "float32") is None
    export(run, to="tensorrt")
    assert onnx_file.up_to_date(read_classifier(run), "float32") == path
    assert len(built) == 1


def test_a_repository_is_made_of_the_run_s_file(run: Path, tmp_path: Path, built: list[tuple[Any, ...]]) -> None:
    export(run, to="triton", batches=(1, 32))
    export(run, to="triton", output=tmp_path / "models")
    onnx_path = run / "classifier.onnx"
    assert built == [(onnx_path, run / "triton", (1, 32)), (onnx_path, tmp_path / "models", BATCHES)]


@pytest.mark.parametrize("to", ["tensorrt", "tensorrt-rtx", "triton"])
def test_an_exported_file_will_do(tmp_path: Path, to: str, built: list[tuple[Any, ...]]) -> None:
    path = tmp_path / "copied.onnx"
    path.touch()
    export(path, to=to)
    assert built[0][0] == path
    with pytest.raises(CeresFastError, match="has a precision of its own"):
        export(path, to=to, precision="float16")
    with pytest.raises(CeresFastError, match="is exported already"):
        export(path)


@pytest.mark.parametrize("name", ["none.onnx", "none.engine"])
def test_a_file_that_is_not_there_is_no_run(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"{name}: cannot be read|{name}.json: does not exist"):
        export(tmp_path / name, to="triton")
    with pytest.raises(CeresFastError, match="is exported already"):
        export(tmp_path / name)


def test_making_an_engine_of_a_file_needs_no_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "copied.onnx").touch()
    code = (
        "import sys; from types import SimpleNamespace as S; from pathlib import Path\n"
        "for name in ('tensorflow', 'keras', 'tf2onnx', 'onnx', 'sklearn'): sys.modules[name] = None\n"
        "made = S(write_engine=lambda onnx, *options, **named: onnx.with_suffix('.engine'))\n"
        "for name, module in {'engines.tensorrt': S(__path__=[]), 'engines.tensorrt.flavours': S(EngineOptions=S),\n"
        "    'export.engine_files': made}.items(): sys.modules[f'ceres_fast.{name}'] = module\n"
        "from ceres_fast.export import export\n"
        "print(export(Path(sys.argv[1]), to='tensorrt').name)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    arguments = [sys.executable, "-c", code, str(tmp_path / "copied.onnx")]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("copied.engine\n", "")


def test_proving_an_engine_on_built_in_stamps_needs_no_tensorflow() -> None:
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'tf2onnx', 'onnx', 'sklearn', 'scipy', 'matplotlib'):\n"
        "    sys.modules[name] = None\n"
        "import ceres_fast.export.engine_files, ceres_fast.engines.agreement, ceres_fast.engines.tensorrt.run\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("failing", [False, True], ids=["proven", "refused"])
def test_debug_compares_with_the_float32_graph(run: Path, monkeypatch: pytest.MonkeyPatch, failing: bool) -> None:
    types = []

    class Found:
        def show(self) -> None:
            types.append("shown")

        def write(self, path: Path) -> None:
            path.write_text("layers", encoding="utf-8")

    def layerwise(reference: Path, product: Path) -> Found:
        for path in (reference, product):
            weights = [tensor for tensor in onnx.load(path).graph.initializer if len(tensor.dims) == 4]
            types.append([onnx.TensorProto.DataType.Name(weight.data_type) for weight in weights])
        return Found()

    monkeypatch.setattr("ceres_fast.export.debug.layerwise", layerwise)
    if failing:
        no_tolerance(monkeypatch)
        with pytest.raises(CeresFastError, match="Not exported"):
            export(run, precision="float16", debug=True)
    else:
        export(run, precision="float16", debug=True)
    assert types == [["FLOAT"], ["FLOAT16"], "shown"]
    assert (run / "classifier-float16.layers.ecsv").read_text() == "layers"
    assert (run / "classifier-float16.onnx").exists() != failing


def test_debug_has_nothing_to_compare_float32_with(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(run, debug=True)
    assert "no float32 graph to compare" in capsys.readouterr().err


def test_unknown_products_are_refused(run: Path) -> None:
    with pytest.raises(CeresFastError, match="--to coreml: expected one of onnx, tensorrt, tensorrt-rtx, triton"):
        export(run, to="coreml")
    with pytest.raises(CeresFastError, match=f"--precision mixed_float16: expected one of {', '.join(PRECISIONS)}"):
        export(run, precision="mixed_float16")
