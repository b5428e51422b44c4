"""Releases: which columns of a snapshot a purpose may hold, and how each is changed before it is written.

The rules are compiled to SQL from the catalogue's column tags once, at publish, so a query pays nothing for them.
Nothing here runs SQL or knows who asks; the publisher (data.snapshots) runs it and the policy names the release.
"""

from policies.releases.compile import GROUNDS, RELEASES, CompiledRelease, base_column, compile_release, releases_of
from policies.releases.custom import CustomRelease
from policies.releases.report import MEASURES, about, measures, report

__all__ = [
    "GROUNDS",
    "MEASURES",
    "RELEASES",
    "CompiledRelease",
    "CustomRelease",
    "about",
    "base_column",
    "compile_release",
    "measures",
    "releases_of",
    "report",
]
