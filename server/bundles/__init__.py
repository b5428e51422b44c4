"""A recorded session as one file: made in one room, proven and replayed in another that holds the same snapshot."""

from server.bundles.make import KEY_BYTES, make_bundle
from server.bundles.read import Bundle, read_bundle

__all__ = ["KEY_BYTES", "Bundle", "make_bundle", "read_bundle"]
