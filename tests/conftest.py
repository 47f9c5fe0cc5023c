"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

import ceres_fast  # noqa: F401, it turns ONNX Runtime's telemetry off, which must be done before any test imports that

pytest_plugins = ["tests.tiny_field"]
"""Fixtures of a tiny field, which tests of many folders use."""

# A check that others wait for tries the same examples each time; a developer's run looks for new ones.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("developer", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name long bytes by what they are: files that are made for a test may differ between the processes that run tests.

    Those have to find the same tests under the same names, and nobody reads a name of thousands of characters.
    """
    return "bytes" if isinstance(val, bytes) and len(val) > 40 else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real stamps, alerts and frames, kept outside the repository."""
    path = Path(__file__).parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the real data (shared/data beside the checkout) is not here")
    return path


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    """Small real inputs that were once read wrongly, kept outside the repository."""
    path = Path(__file__).parents[2] / "shared" / "cases"
    if not path.is_dir():
        pytest.skip("the real cases (shared/cases beside the checkout) are not here")
    return path


@pytest.fixture(scope="session")
def shared_weights() -> Path:
    """The folder with ImageNet weights of Xception, kept outside the repository."""
    path = Path(__file__).parents[2] / "shared" / "weights"
    if not path.is_dir():
        pytest.skip("the ImageNet weights (shared/weights beside the checkout) are not here")
    return path


@pytest.fixture(scope="session")
def tiny_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of records of `tiny_records.write_stamps`, two shards a split; not to be changed."""
    from ceres_fast.records.build import build_records

    from .tiny_records import write_stamps

    folder = tmp_path_factory.mktemp("tiny")
    build_records([write_stamps(folder / "stamps")], folder / "records", shards=2)
    return folder / "records"


@pytest.fixture
def tiny_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every classifier that is trained or loaded have the tiny network, whatever backbone it names."""
    from .tiny_networks import tiny_network

    monkeypatch.setattr("ceres_fast.training.assemble.build_model", tiny_network)
    monkeypatch.setattr("ceres_fast.training.start.build_model", tiny_network)
    monkeypatch.setattr("ceres_fast.model.load.build_model", tiny_network)


@pytest.fixture(scope="session")
def trained(tiny_records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of a real Xception on `tiny_records`, from random frozen weights; not to be changed."""
    import keras

    from ceres_fast.model.backbones import BACKBONES
    from ceres_fast.model.weights import load_base
    from ceres_fast.settings.defaults import PAPER
    from ceres_fast.settings.training import Settings
    from ceres_fast.training.train import train

    folder = tmp_path_factory.mktemp("trained")
    keras.utils.set_random_seed(1)
    weights = folder / "random.weights.h5"
    load_base(BACKBONES["xception"], "none").save_weights(weights)
    own = {"batch_size": 8, "epochs": 3, "dense": 64, "cache_dir": str(folder / "cache")}
    settings = Settings("xception", 2, str(weights), **PAPER, **own)
    return train(tiny_records, settings, folder / "runs" / "first")
