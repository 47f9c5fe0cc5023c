"""The unit of the service is systemd's, starts what exists, and gives the service little."""

from __future__ import annotations

import shutil
import signal
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from ceres_fast.machine.workers import ENDING

from .command_lines import ROOT, problem

EDGE = ROOT / "export" / "edge"
SERVICE = EDGE / "ceres-fast-watch.service"


def unit(path: Path) -> ConfigParser:
    parser = ConfigParser(interpolation=None, delimiters="=", comment_prefixes="#", strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(path.read_text(encoding="utf-8"))
    return parser


def settings() -> dict[str, str]:
    lines = (EDGE / "watch.conf").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def command_line() -> list[str]:
    """Return what systemd starts, with the settings that come with it."""
    given = settings()
    assert set(given) == {"INPUT", "MODEL", "OPTIONS"}
    words = unit(SERVICE)["Service"]["ExecStart"].split()
    assert words.pop() == "$OPTIONS"  # without braces: systemd splits it into words
    return [given[word[2:-1]] if word.startswith("${") else word for word in words] + given["OPTIONS"].split()


def test_it_starts_a_command_with_options_that_it_has() -> None:
    words = command_line()
    assert words[:2] == ["/opt/ceres-fast/bin/ceres-fast", "watch"]
    assert problem(words) is None


def test_it_writes_only_what_it_may() -> None:
    service, words = unit(SERVICE)["Service"], command_line()
    folders = [f"/var/lib/{each}" for each in service["StateDirectory"].split()]
    assert words[words.index("--output") + 1] in folders
    assert str(Path(words[words.index("--metrics") + 1]).parent) in folders
    assert all(Path(each).is_relative_to("/var/lib/ceres-fast") for each in folders)
    assert service["ProtectSystem"] == "strict"
    assert "ReadWritePaths" not in service
    assert service["User"] == service["Group"] == "ceres-fast"
    assert f"u {service['User']} -" in (EDGE / "ceres-fast.sysusers").read_text(encoding="utf-8")
    assert service["CapabilityBoundingSet"] == ""
    for name in ("NoNewPrivileges", "PrivateNetwork", "PrivateDevices", "PrivateTmp"):
        assert service[name] == "yes"


def test_it_is_there_again_whatever_has_ended_it() -> None:
    parsed = unit(SERVICE)
    service = parsed["Service"]
    assert (service["Type"], service["Restart"]) == ("exec", "always")
    # systemd gives up on what starts five times in ten seconds.
    assert 5 * int(service["RestartSec"]) > 10
    assert parsed["Install"]["WantedBy"] == "multi-user.target"


def test_one_field_that_needs_too_much_is_not_the_end_of_all() -> None:
    assert unit(SERVICE)["Service"]["OOMPolicy"] == "continue"


def test_stopped_it_has_not_failed() -> None:
    service = unit(SERVICE)["Service"]
    assert service["SuccessExitStatus"] == str(128 + signal.SIGTERM)
    assert service["KillMode"] == "mixed"  # it ends its processes itself, and has time for it
    assert int(service["TimeoutStopSec"]) > 2 * ENDING


def test_the_gpu_s_settings_only_take_back_what_keeps_it_from_the_devices() -> None:
    settings = dict(unit(EDGE / "gpu.conf")["Service"])
    before = settings.pop("ExecStartPre")
    assert settings == {"PrivateDevices": "no", "SupplementaryGroups": "video render"}
    assert before == "-+/usr/bin/nvidia-modprobe -c 0 -u"  # with privileges, and where there is none without it


@pytest.mark.parametrize("gpu", [False, True])
def test_systemd_has_nothing_to_say(tmp_path: Path, gpu: bool) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    program = tmp_path / "ceres-fast"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = SERVICE.read_text(encoding="utf-8").replace("/opt/ceres-fast/bin/ceres-fast", str(program))
    (tmp_path / SERVICE.name).write_text(text)
    if gpu:
        (tmp_path / f"{SERVICE.name}.d").mkdir()
        shutil.copy(EDGE / "gpu.conf", tmp_path / f"{SERVICE.name}.d")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / SERVICE.name],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if "ceres-fast" in line]
    assert not said
    if "operation not permitted" not in done.stderr.lower():
        assert done.returncode == 0, done.stderr
