"""What is written to file descriptor 2 is held back, and shown when it is asked for, also on poor machines."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import pytest

from ceres_fast.libraries.stderr_kept import stderr_kept


def write(kept_by: pytest.CaptureFixture[str]) -> tuple[bytes, str, str]:
    """Write within and after a block; return what was kept, and what came out before and after it was shown."""
    with stderr_kept() as kept:
        os.write(2, "chatter é\n".encode())
    os.write(2, b"after\n")
    before = kept_by.readouterr().err
    kept.show()
    return kept.written, before, kept_by.readouterr().err


def test_it_comes_out_only_when_it_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert write(capfd) == ("chatter é\n".encode(), "after\n", "chatter é\n")


def test_without_memory_for_files_and_without_a_temporary_folder(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise FileNotFoundError("no usable temporary folder")

    monkeypatch.delattr(os, "memfd_create", raising=False)  # as on macOS
    assert write(capfd)[0] == "chatter é\n".encode()
    monkeypatch.setattr(tempfile, "TemporaryFile", none)
    assert write(capfd) == (b"", "after\n", "")


def test_an_error_passes(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImportError), stderr_kept() as kept:
        os.write(2, b"the reason\n")
        raise ImportError
    assert kept.written == b"the reason\n"
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


@pytest.mark.parametrize("closed", ["os.close(2)", "sys.stderr = None", "os.close(2); sys.stderr = None"])
def test_a_process_without_standard_error(closed: str) -> None:
    code = f"""
import os, sys
from ceres_fast.libraries.stderr_kept import stderr_kept
{closed}
with stderr_kept() as kept:
    pass
kept.show()
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("done\n", 0)
