"""Executes recorded calls again: to prove that the answer is still the same, or to see what would be answered now."""

from server.replay.again import Replayed, Verdict, replay
from server.replay.pick import Pick, picked
from server.replay.whatif import Otherwise, Supposed, what_if

__all__ = ["Otherwise", "Pick", "Replayed", "Supposed", "Verdict", "picked", "replay", "what_if"]
