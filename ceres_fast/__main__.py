"""`python -m ceres_fast` is the `ceres-fast` command."""

from .cli import main

if __name__ == "__main__":
    main()
