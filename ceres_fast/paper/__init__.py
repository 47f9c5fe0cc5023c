"""The experiments of the paper: the twelve runs, the published numbers, and one report."""
