"""The raw store: bytes as received, content-addressed, with a record of each arrival."""

from data.raw.store import Count, RawStore

__all__ = ["Count", "RawStore"]
