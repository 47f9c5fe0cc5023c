"""What can be set: every option once, with its default, its bounds and its help; from here it comes to all who need it.

The command line builds its options from these classes, a configuration file its keys and checks, docs/options.md its
tables, and the functions that do the work take their defaults from them. Nothing here imports more than `msgspec`, so
that ``ceres-fast --help`` is there at once.
"""
