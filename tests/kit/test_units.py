"""The units of the edge service are systemd's, start what exists, and give the service little."""

from __future__ import annotations

import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from .command_lines import ROOT, problem

EDGE = ROOT / "export" / "edge"
SERVICE, TIMER = EDGE / "ceres-fast-edge.service", EDGE / "ceres-fast-edge.timer"


def unit(path: Path) -> ConfigParser:
    parser = ConfigParser(interpolation=None, delimiters="=", comment_prefixes="#", strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(path.read_text(encoding="utf-8"))
    return parser


def settings() -> dict[str, str]:
    lines = (EDGE / "edge.conf").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_it_starts_the_script_with_options_that_it_has() -> None:
    service = unit(SERVICE)["Service"]
    python, script, *words = service["ExecStart"].split()
    assert Path(python).parent == Path("/opt/ceres-fast/bin")
    assert (EDGE / Path(script).name).is_file()
    given = settings()
    words = [given[word[2:-1]] if word.startswith("${") else word for word in words]
    assert words.pop() == "$OPTIONS"  # without braces: systemd splits it into words
    assert problem([script, *words, *given["OPTIONS"].split()]) is None
    assert set(given) == {"INPUT", "MODEL", "OPTIONS"}


def test_it_writes_only_what_it_may() -> None:
    service = unit(SERVICE)["Service"]
    state = f"/var/lib/{service['StateDirectory']}"
    assert service["ExecStart"].count(f"{state}/") == 2
    assert service["ProtectSystem"] == "strict"
    assert "ReadWritePaths" not in service
    assert service["User"] == service["Group"] == "ceres-fast"
    assert f"u {service['User']} -" in (EDGE / "ceres-fast.sysusers").read_text(encoding="utf-8")
    assert service["CapabilityBoundingSet"] == ""
    for name in ("NoNewPrivileges", "PrivateNetwork", "PrivateDevices", "PrivateTmp"):
        assert service[name] == "yes"


def test_one_field_that_needs_too_much_is_not_the_end_of_all() -> None:
    service = unit(SERVICE)["Service"]
    assert service["Type"] == "oneshot"
    assert service["OOMPolicy"] == "continue"
    assert service["TimeoutStartSec"] == "infinity"


def test_stopped_it_has_not_failed() -> None:
    assert unit(SERVICE)["Service"]["SuccessExitStatus"] == "143"
    assert "sys.exit(143)" in (EDGE / "classify_new.py").read_text(encoding="utf-8")


def test_the_timer_starts_it_again_after_its_end() -> None:
    timer = unit(TIMER)
    assert TIMER.stem == SERVICE.stem  # which it starts
    assert {"OnBootSec", "OnUnitInactiveSec"} <= set(timer["Timer"])
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_the_gpu_s_settings_only_take_back_what_keeps_it_from_the_devices() -> None:
    settings = dict(unit(EDGE / "gpu.conf")["Service"])
    before = settings.pop("ExecStartPre")
    assert settings == {"PrivateDevices": "no", "SupplementaryGroups": "video render"}
    assert before == "-+/usr/bin/nvidia-modprobe -c 0 -u"  # with privileges, and where there is none without it


@pytest.mark.parametrize("gpu", [False, True])
def test_systemd_has_nothing_to_say(tmp_path: Path, gpu: bool) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = SERVICE.read_text(encoding="utf-8").replace("/opt/ceres-fast/bin/python", str(program))
    (tmp_path / SERVICE.name).write_text(text)
    shutil.copy(TIMER, tmp_path)
    if gpu:
        (tmp_path / f"{SERVICE.name}.d").mkdir()
        shutil.copy(EDGE / "gpu.conf", tmp_path / f"{SERVICE.name}.d")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / SERVICE.name, tmp_path / TIMER.name],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if "ceres-fast" in line]
    assert not said
    if "operation not permitted" not in done.stderr.lower():
        assert done.returncode == 0, done.stderr
