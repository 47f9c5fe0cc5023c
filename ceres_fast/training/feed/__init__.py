"""What a training step is fed with: in which order, from where, and where it waits until it is asked for."""
