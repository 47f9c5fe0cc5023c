"""A classifier on disk: what it is, how it is read, checked and updated, and which of its files are named how."""
