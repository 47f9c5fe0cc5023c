"""The machine: what it gives to this process, and what happens to the process on it."""
