"""Is one classifier better than another? Runs on the same stamps, in pairs: what `ceres-fast compare` does."""
