"""What is claimed of speed and accuracy, measured; `results/` holds what was measured and where."""
