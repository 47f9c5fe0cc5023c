"""What the frozen layers give for the stamps of records, computed once and kept on disk.

`cached_rows` is the way in; `FeatureRows` reads; `entries` and `clear` are for `ceres-fast cache`.
"""
