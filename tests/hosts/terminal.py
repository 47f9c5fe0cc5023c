"""Run a command on a terminal: terminal.py COLUMNS|closed COMMAND...; ends with its status."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import sys
import termios


def main(columns: str, command: list[str]) -> int:
    """Run the command on a terminal of so many columns, or on one that is closed as soon as something was printed."""
    process, terminal = pty.fork()
    if not process:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
        os.execvp(command[0], command)
    if columns != "closed":
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(columns), 0, 0))
    try:
        while printed := os.read(terminal, 2**16):
            os.write(1, printed)
            if columns == "closed":
                break
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
