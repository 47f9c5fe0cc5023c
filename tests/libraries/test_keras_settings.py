"""What a user has set for Keras decides no network: it is left out, or refused by name."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.libraries import keras_settings

ROOT = Path(__file__).parents[2]
SET_OTHERWISE = {
    "KERAS_BACKEND": "jax",
    "KERAS_MAX_EPOCHS": "one",
    "KERAS_MAX_STEPS_PER_EPOCH": "1",
    "KERAS_NNX_ENABLED": "1",
    "KERAS_FLOATX": "float16",
    "KERAS_EPSILON": "0.1",
    "KERAS_IMAGE_DATA_FORMAT": "channels_first",
    "TF_USE_LEGACY_KERAS": "1",
    "TF_DETERMINISTIC_OPS": "1",
}
KERAS_JSON = {
    "backend": "jax",
    "image_data_format": "channels_first",
    "floatx": "float16",
    "epsilon": 0.1,
    "nnx_enabled": True,
}


def run(home: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python with a home and variables of its own, and without the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KERAS_", "TF_"))}
    variables = kept | {"HOME": str(home), "PYTHONPATH": str(ROOT)} | variables
    return subprocess.run([sys.executable, *command], env=variables, cwd=home, capture_output=True, text=True)


@pytest.mark.slow
def test_neither_the_users_file_nor_the_environment_decides_the_network(tmp_path: Path) -> None:
    from ..keras_fingerprint import fingerprint

    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps(KERAS_JSON))
    done = run(tmp_path, "-m", "tests.keras_fingerprint", **SET_OTHERWISE)
    assert done.returncode == 0, done.stderr
    found, usual = json.loads(done.stdout), fingerprint()
    for name in ("names", "weights", "optimiser"):
        assert found[name] == usual[name]
    for name in ("loss", "trained", "probabilities"):
        np.testing.assert_allclose(found[name], usual[name], rtol=1e-3, atol=1e-5)
    assert json.loads((tmp_path / ".keras" / "keras.json").read_text()) == KERAS_JSON


@pytest.mark.slow
def test_a_keras_of_another_backend_is_refused_where_a_network_is_needed(
    tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a notebook that has imported Keras with JAX. Reading records builds no network."""
    import keras

    import ceres_fast

    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    assert len(ceres_fast.read_records(tiny_records, "test", ["label"])) == 8
    settings = ceres_fast.Settings("xception", weights="none")
    with pytest.raises(
        CeresFastError, match=r"set to backend jax.* built with tensorflow.*restart the notebook's kern"
    ):
        ceres_fast.train(tiny_records, settings, tmp_path / "run")
    assert keras.config.backend() == "jax"
    assert list(tmp_path.iterdir()) == []


CHANGED: dict[str, tuple[str, Any]] = {
    "image_data_format": ("set_image_data_format", "channels_first"),
    "floatx": ("set_floatx", "float16"),
    "epsilon": ("set_epsilon", 0.1),
    "dtype_policy": ("set_dtype_policy", "mixed_float16"),
    "max_epochs": ("set_max_epochs", 1),
    "max_steps_per_epoch": ("set_max_steps_per_epoch", 1),
}


@pytest.fixture
def changed(request: pytest.FixtureRequest) -> Iterator[str]:
    """Keras with one thing set otherwise, as a program may do at any time; returns its name."""
    import keras

    setter, value = CHANGED[request.param]
    before = getattr(keras.config, request.param)()
    getattr(keras.config, setter)(value)
    yield request.param
    getattr(keras.config, setter)(before)


@pytest.mark.slow
@pytest.mark.parametrize("changed", CHANGED, indirect=True)
def test_what_a_program_has_set_since_is_refused_by_name_and_left_alone(changed: str) -> None:
    from ceres_fast.libraries.tensorflow_quiet import keras
    from ceres_fast.model.build import build_model
    from ceres_fast.settings.architecture import Architecture

    setter, value = CHANGED[changed]
    with pytest.raises(CeresFastError, match=rf"Keras is set to {changed} .*Call keras\.config\.{setter}\(.*\) before"):
        build_model(Architecture("xception", weights="none"))
    now = getattr(keras.config, changed)()
    assert getattr(now, "name", now) == value
    setting = next(each for each in keras_settings.SETTINGS if each.name == changed)
    exec(setting.how)  # what the message says mends it
    keras_settings.check()


def test_every_setting_is_tried() -> None:
    assert {setting.name for setting in keras_settings.SETTINGS} == {"backend", *CHANGED}


def test_the_environment_is_what_it_was_when_keras_is_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import keras  # noqa: F401  (where it has been imported, nothing is changed, not even for a moment)

    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with keras_settings.users_settings_left_out():
        assert os.environ["KERAS_BACKEND"] == "jax"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({"KERAS_HOME": "/a/b"}, "/a/b"), ({"KERAS_HOME": "", "HOME": "/h"}, "/h/.keras"), ({"HOME": "/h"}, "/h/.keras")],
)
def test_the_folder_of_downloads(variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_HOME", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert keras_settings.keras_home() == Path(expected)


def imports(tree: ast.AST, in_function: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield what a file imports when it runs, and whether only in a function; not what only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from ((name.name.split(".")[0], in_function) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0], in_function
        elif isinstance(node, ast.Attribute) and ast.unparse(node).startswith("tf.keras"):
            yield "keras", in_function
        yield from imports(node, in_function or isinstance(node, ast.FunctionDef))


def test_there_is_one_place_through_which_keras_comes() -> None:
    """In a function more of TensorFlow may be imported: the file has got it quietly by then."""
    others = {("keras", True), ("keras", False), ("tensorflow", False)}
    found = {
        path.relative_to(ROOT / "ceres_fast").as_posix()
        for path in (ROOT / "ceres_fast").rglob("*.py")
        if not others.isdisjoint(imports(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert found == {"libraries/keras_settings.py", "libraries/tensorflow_quiet.py"}
