"""What the other exposures of a field show at the place of a detection: forced fluxes, and template planes."""
