"""A night as it comes in: exposures classified field by field, known objects named, reviewed, and handed on."""
