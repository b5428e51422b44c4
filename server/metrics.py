"""Prometheus metrics: calls, their latency by step, cells hidden, texts withheld, alerts. Labels are words of ours, never input."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from server.call import Call

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """One registry a house, so that tests and several houses in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names = ["tool", "role", "status"]
        self._calls = Counter(
            "readingroom_calls", "Calls by tool, role and how they ended.", names, registry=self.registry
        )
        self._refused = Counter("readingroom_refusals", "Refusals by rule.", ["rule"], registry=self.registry)
        self._seconds = Histogram(
            "readingroom_call_seconds", "Seconds a call took.", ["tool"], buckets=_BUCKETS, registry=self.registry
        )
        self._steps = Histogram(
            "readingroom_step_seconds",
            "Seconds a pipeline step took.",
            ["step"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._hidden = Counter(
            "readingroom_cells_hidden", "Cells withheld for resting on few persons.", registry=self.registry
        )
        self._redacted = Counter(
            "readingroom_texts_withheld", "Texts withheld by the second line.", registry=self.registry
        )
        self._alerts = Counter("readingroom_alerts", "Anomalies seen.", ["kind"], registry=self.registry)
        self._snapshot = Gauge(
            "readingroom_snapshot_info", "The snapshot now served.", ["snapshot"], registry=self.registry
        )

    def called(self, call: Call) -> None:
        """Counts a finished call."""
        tool = call.tool.name if call.tool else "unknown"
        role = call.grant.role if call.grant else "unknown"
        self._calls.labels(tool, role, call.status).inc()
        for step, microseconds in call.timings.items():
            self._steps.labels(step).observe(microseconds / 1e6)
        self._seconds.labels(tool).observe(sum(call.timings.values()) / 1e6)
        if call.status == "refused":
            self._refused.labels(getattr(call.error, "rule", "")).inc()
        if call.result is not None and call.result.cells_hidden:
            self._hidden.inc(call.result.cells_hidden)

    def redacted(self, texts: int) -> None:
        """Counts texts the second line withheld."""
        if texts:
            self._redacted.inc(texts)

    def alerted(self, kind: str) -> None:
        """Counts an anomaly."""
        self._alerts.labels(kind).inc()

    def serving(self, snapshot: str) -> None:
        """Says which snapshot is served."""
        self._snapshot.clear()
        self._snapshot.labels(snapshot).set(1)

    def text(self) -> bytes:
        """The registry in Prometheus text form."""
        return generate_latest(self.registry)
