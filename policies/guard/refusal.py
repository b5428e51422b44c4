"""The one way the guard and disclosure control say no."""

from data.errors import Refused


def refuse(rule: str, message: str, allowed: str) -> Refused:
    """A refusal by `rule`; whom to ask is added by the caller that knows the policy."""
    return Refused(message, rule=rule, allowed=allowed)
