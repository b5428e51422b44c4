"""After OHDSI DataQualityDashboard (CDM v5.4, Apache-2.0): its checks, run as set-based SQL on the build.

The four TSV files here are facts carried over from the dashboard's own definitions by `carry`: which checks there are, on which
tables, fields and concepts, with which parameter and threshold. The SQL is this project's. Nothing here stops a publish: the
results are reported beside the hard checks of `data.validate.checks`, as counts, never as rows.
"""

from data.validate.dqd.definitions import definitions
from data.validate.dqd.model import DqdCheck, DqdResult, Level, Status
from data.validate.dqd.run import run, summary

__all__ = ["DqdCheck", "DqdResult", "Level", "Status", "definitions", "run", "summary"]
