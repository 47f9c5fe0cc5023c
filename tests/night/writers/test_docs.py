"""The page about outputs: what it says to copy works."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from ceres_fast.night.detections import read_night
from ceres_fast.night.observatory import read_observatory
from ceres_fast.night.writers import write_outputs
from ceres_fast.settings.night import OUTPUTS

from .files import classified

PAGE = (Path(__file__).parents[3] / "docs" / "outputs.md").read_text(encoding="utf-8")
BLOCKS = [
    re.sub("^    ", "", block, flags=re.MULTILINE) for block in re.findall(r"(?:^    .*\n|^\n)+", PAGE, re.MULTILINE)
]
READERS = [block for block in BLOCKS if block.strip().startswith("from")]


def test_every_output_has_its_row() -> None:
    table = [line for line in PAGE.splitlines() if line.startswith("| `") and "`--to`" not in line]
    assert {name for line in table for name in re.findall("`([a-z0-9-]+)`", line.split("|")[1])} == set(OUTPUTS)


def test_the_observatory_s_file_is_one(tmp_path: Path) -> None:
    (block,) = [block for block in BLOCKS if "[telescope]" in block]
    (tmp_path / "who.toml").write_text(block)
    assert read_observatory(tmp_path / "who.toml").bands == {"r": "Sr"}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a night in every format that can be had here."""
    folder = tmp_path_factory.mktemp("documented")
    (block,) = [block for block in BLOCKS if "[telescope]" in block]
    (folder / "who.toml").write_text(block)
    wanted = [name for name in OUTPUTS if find_spec("pyarrow") or name not in ("thor", "difi")]
    write_outputs(read_night(classified(folder)), wanted, folder / "to", folder / "who.toml")
    return folder / "to"


@pytest.mark.parametrize("code", READERS, ids=[re.findall(r"from (\w+)", block)[-1] for block in READERS])
def test_the_lines_read_what_is_written(code: str, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {"adam_core", "difi", "regions"} | ({"ades"} if "ades.xml" in code or "mpc80" in code else set())
    missing = [name for name in sorted(needed) if (name == "ades" or name in code) and find_spec(name) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not here; tools/output-readers tries it")
    monkeypatch.chdir(outputs)
    names: dict[str, object] = {}
    exec(compile(code, "docs/outputs.md", "exec"), names)
    assert len(list(names.values())[-1]) > 0
