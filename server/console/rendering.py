"""Templates to pages. Everything put into one is escaped; there is no way around it but Markup made by `plots` and `sqldiff`."""

from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from server.console.desk import Visit
from server.releases_page import buckets, by_claim, by_fate

PREFIX = "/console"
PAGES = (
    ("", "Overview"),
    ("/calls", "Calls"),
    ("/sessions", "Sessions"),
    ("/persons", "Who saw"),
    ("/incidents", "Incidents"),
    ("/ledger", "Ledger"),
    ("/quality", "Data quality"),
    ("/redaction", "Redaction"),
    ("/releases", "Releases"),
    ("/policies", "Policy"),
)

_HERE = {
    "one_call": "Calls",
    "persons": "Who saw",
    "policy": "Policy",
    "compared": "Policy",
}  # pages under another page's name


def _short(at: str) -> str:
    """A time of the ledger to the second: `2025-11-25 04:03:46`."""
    return at[:19].replace("T", " ")


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _shortened(text: object, most: int = 12) -> str:
    return str(text) if len(str(text)) <= most else f"{str(text)[:most]}\u2026"


ENVIRONMENT = Environment(
    loader=PackageLoader("server", "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.globals |= {"prefix": PREFIX, "pages": PAGES, "by_fate": by_fate, "by_claim": by_claim, "buckets": buckets}
ENVIRONMENT.filters |= {"short": _short, "number": _number, "shortened": _shortened}


def render(visit: Visit, template: str, status: int = 200, *, title: str, **more: Any) -> Response:
    """A page. `title` names it in the browser's bar and in its heading."""
    text = ENVIRONMENT.get_template(f"console/{template}").render(
        title=title,
        viewer=visit.viewer,
        form_token=visit.form_token,
        here_name=_HERE.get(template.removesuffix(".html"), title),
        now=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **more,
    )
    return HTMLResponse(text, status)
