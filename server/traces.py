"""OpenTelemetry spans: one a call, one a step. Names of ours and ids only, no argument, no value, no words of an exception.

Exported only where asked.

An exporter is set up when OTEL_EXPORTER_OTLP_ENDPOINT (or its traces variant) is set, or the three LANGFUSE_ variables are, whose
OTLP endpoint is then used. Otherwise no span is made and nothing is sent.
"""

import base64
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from server.call import UNKNOWN, Call

_STANDARD = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_LANGFUSE = ("LANGFUSE_HOST", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")


def exporter_from(environment: Mapping[str, str]) -> SpanExporter | None:
    """The exporter the environment asks for, if any."""
    if any(environment.get(name) for name in _STANDARD):
        return OTLPSpanExporter()
    if all(environment.get(name) for name in _LANGFUSE):
        host, public, secret = (environment[name] for name in _LANGFUSE)
        token = base64.b64encode(f"{public}:{secret}".encode()).decode()
        endpoint = f"{host.rstrip('/')}/api/public/otel/v1/traces"
        return OTLPSpanExporter(endpoint=endpoint, headers={"Authorization": f"Basic {token}"})
    return None


class Traces:
    """Makes spans where an exporter is given, and costs nothing where none is."""

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        self._provider: TracerProvider | None = None
        self._tracer: trace.Tracer | None = None
        if exporter is not None:
            self._provider = TracerProvider(resource=Resource.create({"service.name": "readingroom"}))
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
            self._tracer = self._provider.get_tracer("readingroom")

    @classmethod
    def from_environment(cls) -> "Traces":
        """Traces as the process environment asks."""
        return cls(exporter_from(os.environ))

    def call(self, call: Call) -> AbstractContextManager[None]:
        """Span of a whole call, child of the client's `traceparent` where it sent one (MCP semantic conventions)."""
        return nullcontext() if self._tracer is None else self._call(self._tracer, call)

    @contextmanager
    def _call(self, tracer: trace.Tracer, call: Call) -> Iterator[None]:
        parent = TraceContextTextMapPropagator().extract({"traceparent": call.request.principal.trace})
        attributes = {
            "mcp.method.name": "tools/call",
            "gen_ai.tool.name": call.tool_name,
            "mcp.session.id": call.request.principal.session,
            "readingroom.call": call.id,
        }
        with _span(tracer, f"tools/call {call.tool_name}", parent, trace.SpanKind.SERVER, attributes) as span:
            yield
            span.set_attribute("readingroom.role", call.grant.role if call.grant else UNKNOWN)
            span.set_attribute("readingroom.purpose", call.grant.purpose if call.grant else UNKNOWN)
            span.set_attribute("readingroom.status", call.status)
            if call.snapshot is not None:
                span.set_attribute("readingroom.snapshot", call.snapshot.id)
            if call.error is not None:
                span.set_attribute("error.type", call.error.code)

    def step(self, name: str) -> AbstractContextManager[object]:
        """Span of one pipeline step."""
        return nullcontext() if self._tracer is None else _span(self._tracer, name)

    def close(self) -> None:
        """Sends what is waiting."""
        if self._provider is not None:
            self._provider.shutdown()


def _span(
    tracer: trace.Tracer,
    name: str,
    parent: Context | None = None,
    kind: trace.SpanKind = trace.SpanKind.INTERNAL,
    attributes: Mapping[str, str] | None = None,
) -> AbstractContextManager[trace.Span]:
    """A span that does not tell of exceptions that pass through it: their words may hold a value."""
    return tracer.start_as_current_span(
        name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
    )
