"""How good a classifier is: tables, intervals, pictures."""
