"""The prefix cache: the output of the frozen layers for the stamps of records, computed once and kept on disk.

`cached_rows` in `cache` is the way in. `entries` and `clear` in `listing` are for `ceres-fast cache`.
"""
