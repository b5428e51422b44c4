"""`python -m server.cli`: the same as the command `readingroom`."""

from server.cli import main

main()
