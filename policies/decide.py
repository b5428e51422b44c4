"""The verdict on one question under one grant: understood, resolved, bounded to the person where need be, given one order.

Pure: the same SQL, grant and release give the same Judged or the same refusal, so verdicts are remembered. It opens nothing and
runs nothing; `server/pipeline.py` calls it and runs what it returns.
"""

from collections import OrderedDict
from dataclasses import replace
from threading import Lock

from sqlglot import exp

from data.catalogue.model import catalogue
from data.errors import ReadingRoomError, Refused
from policies.disclosure.unit import carry
from policies.guard.order import order_rows, order_windows
from policies.guard.parse import understood
from policies.guard.resolve import Schema, resolve
from policies.model import Grant, Policy, granted_schema
from policies.verdict import Judged

_REMEMBERED = 2048


class Judge:
    """Judges questions under one policy. Safe to share between threads."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.digest = policy.digest()
        self._verdicts: OrderedDict[tuple[str, str, str, str], Judged | ReadingRoomError] = OrderedDict()
        self._lock = Lock()

    def grant(self, role: str, purpose: str) -> Grant:
        """The grant for role and purpose. Raises Refused, by the rule `default-deny`, where the policy has none."""
        grant = self.policy.grant(role, purpose)
        if grant is None:
            pairs = ", ".join(f"{one.role} for {one.purpose}" for one in self.policy.grants)
            message = f"No grant for role '{role}' with purpose '{purpose}'."
            raise self.explained(Refused(message, rule="default-deny", allowed=f"Granted are: {pairs}."))
        return grant

    def judge(self, sql: str, grant: Grant, held: Schema, snapshot: str) -> Judged:
        """The verdict on `sql`; `held` is what the release holds, `snapshot` names it for remembering."""
        key = (sql, grant.role, grant.purpose, snapshot)
        with self._lock:
            known = self._verdicts.get(key)
            if known is not None:
                self._verdicts.move_to_end(key)
        if known is None:
            known = self._decided(sql, grant, held)
            with self._lock:
                self._verdicts[key] = known
                if len(self._verdicts) > _REMEMBERED:
                    self._verdicts.popitem(last=False)
        if isinstance(known, ReadingRoomError):
            raise replace(known)
        return known

    def explained(self, refusal: Refused) -> Refused:
        """The refusal with whom to ask, from the policy."""
        return replace(refusal, ask=refusal.ask or self.policy.contact)

    def _decided(self, sql: str, grant: Grant, held: Schema) -> Judged | ReadingRoomError:
        try:
            return decide(sql, grant, held, self.policy.thresholds[grant.threshold].hide_below)
        except Refused as refusal:
            return self.explained(refusal)
        except ReadingRoomError as error:
            return error
        except RecursionError:
            return self.explained(Refused("The question is nested too deep.", rule="size", allowed="Use WITH."))


def decide(sql: str, grant: Grant, held: Schema, hide_below: int) -> Judged:
    """Judges without memory. Raises Refused or BadRequest."""
    granted = granted_schema(grant, held, catalogue())
    tree, facts = resolve(understood(sql), granted, held)
    visible = len(tree.named_selects)
    guarded = False
    tree = order_windows(tree)
    obligations = ["bounds", "redact"]
    if grant.mode == "aggregate":
        _cast_softly(tree)
        tree, guarded = carry(tree, hide_below)
        obligations.append(f"hide-below-{hide_below}")
    tree = order_rows(tree)
    parameters = tuple(sorted({node.name for node in tree.find_all(exp.Placeholder)}))
    return Judged(
        sql=tree.sql(dialect="duckdb"),
        release=grant.release,
        mode=grant.mode,
        facts=facts,
        visible=visible,
        guarded=guarded,
        hide_below=hide_below if grant.mode == "aggregate" else 0,
        obligations=tuple(obligations),
        parameters=parameters,
    )


def _cast_softly(tree: exp.Query) -> None:
    """CAST becomes TRY_CAST, so that a value that does not fit cannot speak through an error."""
    for node in list(tree.find_all(exp.Cast)):
        if type(node) is exp.Cast and not isinstance(node.this, exp.Literal):
            node.replace(exp.TryCast(this=node.this, to=node.args["to"]))
