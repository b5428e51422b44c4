"""The record in forms other systems read: FHIR AuditEvent by IHE BALP, OCSF, CEF. Names, counts and digests; persons only when asked for."""

from server.exports.fhir import audit_events
from server.exports.siem import cef, ocsf

__all__ = ["audit_events", "cef", "ocsf"]
