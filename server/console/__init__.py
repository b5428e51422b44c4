"""The console: what auditors and stewards look at in a browser. It shows what is recorded and changes none of it.

`console_app` is mounted at /console, by `readingroom console` and under the HTTP server. Each page a viewer opens is itself recorded.
"""

from server.console.app import console_app
from server.console.desk import Console
from server.console.sessions import Viewer

__all__ = ["Console", "Viewer", "console_app"]
