"""A page on which a person looks at the tracklets of a night and decides: it needs no server and no network."""

from .page import review, write_review

__all__ = ["review", "write_review"]
