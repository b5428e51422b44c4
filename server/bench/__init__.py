"""How fast the evidence is: what the ledger writes, verifies and finds, and how long the console's pages take on many entries."""
