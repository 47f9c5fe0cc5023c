"""A model repository says what its file is, is Triton's own kind of configuration, and is never half written."""

from __future__ import annotations

import errno
import json
import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from google.protobuf import text_format
from onnx import TensorProto, helper

from ceres_fast.artifact.classifier import ONNX_METADATA_KEY, Classifier
from ceres_fast.engines.tensorrt.options import EngineOptions, profiles
from ceres_fast.engines.tensorrt.sidecar import Sidecar, sidecar_path
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.export.triton import BATCHES, CONFIG, MODEL, write_repository
from ceres_fast.files import sha256_of
from ceres_fast.stamps import PLANES

from ..tiny_models import classifier, model, peak_model, written

model_config_pb2 = pytest.importorskip("tritonclient.grpc.model_config_pb2", reason="needs tritonclient[grpc]")


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return written(tmp_path, peak_model())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "models"


def read(repository: Path, name: str = MODEL) -> Any:
    """Return the configuration, parsed by Triton's own protocol; an unknown field or value is an error."""
    return text_format.Parse((repository / name / CONFIG).read_text(), model_config_pb2.ModelConfig())


def described(config: Any) -> Classifier:
    return Classifier.from_json(config.parameters[ONNX_METADATA_KEY].string_value, Path("config.pbtxt"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_configuration_is_that_of_the_onnx_file(product: Path, repository: Path) -> None:
    version = write_repository(product, repository)
    assert version == repository / MODEL / "1"
    assert [path.name for path in version.iterdir()] == ["model.onnx"]
    assert (version / "model.onnx").read_bytes() == product.read_bytes()

    config, graph = read(repository), onnx.load(product).graph
    assert (config.name, config.backend, config.max_batch_size) == (MODEL, "onnxruntime", max(BATCHES))
    for tensors, values in ((config.input, graph.input), (config.output, graph.output)):
        (tensor,), (value,) = tensors, values
        batch, *sizes = value.type.tensor_type.shape.dim
        assert batch.dim_param
        assert (tensor.name, tensor.data_type) == (value.name, model_config_pb2.TYPE_FP32)
        assert list(tensor.dims) == [size.dim_value for size in sizes]
    assert list(config.version_policy.specific.versions) == [1]
    assert config.HasField("dynamic_batching")
    assert not config.dynamic_batching.preferred_batch_size  # only for engines with several profiles
    (group,) = config.instance_group
    assert (group.kind, group.count, list(group.profile)) == (model_config_pb2.ModelInstanceGroup.KIND_AUTO, 1, [])


def test_it_warms_up_at_every_batch_size(product: Path, repository: Path) -> None:
    write_repository(product, repository, batches=[8, 1, 8])
    config = read(repository)
    assert config.max_batch_size == 8
    assert [warm_up.batch_size for warm_up in config.model_warmup] == [1, 8]
    for warm_up in config.model_warmup:
        ((name, stamps),) = warm_up.inputs.items()
        assert (name, stamps.data_type, list(stamps.dims)) == (
            config.input[0].name,
            model_config_pb2.TYPE_FP32,
            list(config.input[0].dims),
        )
        assert stamps.zero_data
        assert warm_up.name


def test_the_parameters_tell_the_classifier(product: Path, repository: Path) -> None:
    made = onnx.load(product)
    strange = 'a "quoted" \\ line\nand µ, 😀'
    helper.set_model_props(made, {ONNX_METADATA_KEY: classifier().to_json(), "classes": "a,b", "ceres_fast.x": strange})
    onnx.save(made, product)
    write_repository(product, repository)
    config = read(repository)
    assert described(config) == classifier()
    values = {name: parameter.string_value for name, parameter in config.parameters.items()}
    del values[ONNX_METADATA_KEY]
    assert values == {
        "ceres_fast.classes": "a,b",
        "ceres_fast.x": strange,
        "ceres_fast.sha256": sha256_of(repository / MODEL / "1" / "model.onnx"),
    }


def test_three_planes(tmp_path: Path, repository: Path) -> None:
    described = classifier(planes=PLANES).to_json()
    write_repository(written(tmp_path, peak_model(planes=3, classifier_json=described)), repository)
    assert list(read(repository).input[0].dims) == [32, 32, 3]


def test_again_is_a_new_version_and_the_old_one_stays(product: Path, repository: Path, tmp_path: Path) -> None:
    write_repository(product, repository)
    before = contents(repository / MODEL / "1")
    other = classifier(threshold=0.25).to_json()
    (tmp_path / "later").mkdir()
    later = written(tmp_path / "later", peak_model(gain=2.0, classifier_json=other))
    assert write_repository(later, repository) == repository / MODEL / "2"
    assert contents(repository / MODEL / "1") == before
    config = read(repository)
    assert list(config.version_policy.specific.versions) == [2]
    assert described(config).threshold == 0.25
    shutil.rmtree(repository / MODEL / "1")
    assert write_repository(product, repository) == repository / MODEL / "3"  # a number is never used twice


def test_other_models_are_left_alone(product: Path, repository: Path) -> None:
    write_repository(product, repository, name="mine")
    before = contents(repository / "mine")
    write_repository(product, repository)
    assert contents(repository / "mine") == before
    assert read(repository, "mine").name == "mine"


def test_somebody_else_s_model_is_not_touched(product: Path, repository: Path) -> None:
    (repository / MODEL).mkdir(parents=True)
    (repository / MODEL / CONFIG).write_text('name: "asteroid_classifier"\n')
    before = contents(repository / MODEL)
    with pytest.raises(CeresFastError, match=r"config\.pbtxt: was not written by ceres-fast"):
        write_repository(product, repository)
    assert contents(repository / MODEL) == before


def full_disk(*arguments: object, **options: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("where", ["copyfile", "write_text"])
@pytest.mark.parametrize("there", [False, True], ids=["first", "second"])
def test_a_full_disk_changes_nothing_that_is_served(
    product: Path, repository: Path, where: str, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if there:
        write_repository(product, repository)
    before = contents(repository) if there else {}
    with monkeypatch.context() as patch:
        if where == "copyfile":
            patch.setattr("ceres_fast.export.triton.shutil.copyfile", full_disk)
        else:
            patch.setattr("ceres_fast.files.Path.write_text", full_disk)
        with pytest.raises(CeresFastError, match="No space left"):
            write_repository(product, repository)
    kept = {name: content for name, content in contents(repository).items() if not name.endswith(".lock")}
    assert kept == {name: content for name, content in before.items() if not name.endswith(".lock")}
    assert (repository / MODEL).exists() is there
    assert write_repository(product, repository).name == ("2" if there else "1")


def test_what_changes_while_it_is_copied_is_refused(
    product: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copied(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:-1])

    monkeypatch.setattr("ceres_fast.export.triton.shutil.copyfile", copied)
    with pytest.raises(InputError, match="has changed while it was copied"):
        write_repository(product, repository)
    assert not (repository / MODEL).exists()


def test_several_processes_write_versions_of_their_own(product: Path, repository: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write_repository, args=(product, repository)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert sorted(path.name for path in (repository / MODEL).iterdir()) == ["1", "2", "3", "4", CONFIG]
    assert list(read(repository).version_policy.specific.versions) == [4]


@pytest.mark.parametrize("batches", [[], [0], [-1, 4], [True], [1.5]])
def test_batch_sizes_are_positive_numbers(product: Path, repository: Path, batches: list[int]) -> None:
    with pytest.raises(CeresFastError, match="expected whole numbers from 1"):
        write_repository(product, repository, batches=batches)
    assert not repository.exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-20]), "."),
        (lambda path: path.write_bytes(b""), "."),
        (lambda path: path.write_bytes(peak_model(classifier_json="").SerializeToString()), "does not say which"),
        (lambda path: path.write_bytes(peak_model(planes=3).SerializeToString()), "has the input"),
    ],
    ids=["missing", "cut", "empty", "unknown", "planes"],
)
def test_a_bad_onnx_file_leaves_nothing(
    product: Path, repository: Path, change: Callable[[Path], object], problem: str
) -> None:
    change(product)
    with pytest.raises(InputError, match=problem):
        write_repository(product, repository)
    assert not repository.exists()


@pytest.mark.parametrize(("batch", "kind"), [(1, TensorProto.FLOAT), ("N", TensorProto.FLOAT16)])
def test_a_fixed_batch_or_another_type_is_refused(
    tmp_path: Path, repository: Path, batch: int | str, kind: int
) -> None:
    ends = ("stamps", kind, [batch, 32, 32, 1]), ("probabilities", kind, [batch, 32, 32, 1])
    made = model(
        [helper.make_node("Identity", ["stamps"], ["probabilities"])], {}, stamps=ends[0], probabilities=ends[1]
    )
    with pytest.raises(InputError, match="has the input"):
        write_repository(written(tmp_path, made), repository)
    assert not repository.exists()


@pytest.mark.parametrize("name", ["classifier.rtx", "classifier.keras", "classifier"])
def test_what_triton_cannot_serve_is_refused(tmp_path: Path, repository: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=r"is nothing that Triton serves; expected .* \.onnx or \.engine"):
        write_repository(tmp_path / name, repository)
    assert not repository.exists()


@pytest.fixture
def engine(product: Path) -> Path:
    """An engine file with a sidecar, and beside it the ONNX file it was built from."""
    path = product.with_suffix(".engine")
    path.write_bytes(b"an engine")
    sidecar = Sidecar(
        flavour="tensorrt",
        runtime_version="10.13.0.35",
        onnx=product.name,
        onnx_sha256=sha256_of(product),
        engine_bytes=path.stat().st_size,
        engine_sha256=sha256_of(path),
        precision="float32",
        gpu={"name": "NVIDIA A100", "compute_capability": "8.0"},
        hardware="none",
        compute_capabilities=(),
        batches=(1024, 1, 64),
        profiles=tuple(profiles((1024, 1, 64), per_batch=True)),
        options=EngineOptions().as_dict(),
        built="2026-01-01T00:00:00+00:00",
        log="classifier.engine.log",
        classifier=json.loads(classifier().to_json()),
        stamp_shape=(32, 32, 1),
    )
    sidecar_path(path).write_text(sidecar.to_json())
    return path


def test_an_engine_becomes_a_plan(engine: Path, repository: Path) -> None:
    version = write_repository(engine, repository, batches=[7])
    assert [path.name for path in version.iterdir()] == ["model.plan"]
    assert (version / "model.plan").read_bytes() == b"an engine"
    config = read(repository)
    assert (config.backend, config.max_batch_size) == ("tensorrt", 1024)
    (group,) = config.instance_group
    assert group.kind == model_config_pb2.ModelInstanceGroup.KIND_GPU
    assert list(group.profile) == ["0", "1", "2"]  # one that is not named is not used
    assert list(config.dynamic_batching.preferred_batch_size) == [64, 1024]
    assert [warm_up.batch_size for warm_up in config.model_warmup] == [1, 64, 1024]
    assert config.parameters["ceres_fast.tensorrt"].string_value == "10.13.0.35"
    assert config.parameters["ceres_fast.sha256"].string_value == sha256_of(engine)
    assert described(config) == classifier()


def test_an_engine_after_an_onnx_file(engine: Path, product: Path, repository: Path) -> None:
    write_repository(product, repository)
    write_repository(engine, repository)
    assert read(repository).backend == "tensorrt"
    assert {path.name for path in (repository / MODEL).rglob("model.*")} == {"model.onnx", "model.plan"}


def test_an_engine_without_its_sidecar_is_refused(engine: Path, repository: Path) -> None:
    sidecar_path(engine).unlink()
    with pytest.raises(InputError, match="does not exist"):
        write_repository(engine, repository)
    assert not repository.exists()


@pytest.mark.parametrize("name", ["classifier.engine", "classifier.onnx"])
@pytest.mark.parametrize("missing", [False, True])
def test_an_engine_with_another_s_files_is_refused(engine: Path, repository: Path, name: str, missing: bool) -> None:
    path = engine.with_name(name)
    if missing:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(InputError, match="cannot be read" if missing else "is not the .* that the engine's sidecar"):
        write_repository(engine, repository)
    assert not repository.exists()
