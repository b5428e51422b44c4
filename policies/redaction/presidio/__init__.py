"""Microsoft Presidio's part: it decides what the names pass left in doubt, and runs the recognisers that a steward adds."""
