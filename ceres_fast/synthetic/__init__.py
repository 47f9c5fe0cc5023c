"""Synthetic asteroids: in simulated frames, and in real ones."""
