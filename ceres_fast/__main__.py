"""The command `ceres-fast`, and `python -m ceres_fast`."""

from .machine.interrupts import stoppable


def main() -> None:
    """Run the command line; it can be stopped in an orderly way as soon as it begins to import what it needs."""
    with stoppable():
        from . import cli

        cli.main()


if __name__ == "__main__":
    main()
