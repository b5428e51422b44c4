"""The verdict on one question under one grant: understood, resolved, bounded to the person where need be, given one order.

Pure: the same SQL, grant and release give the same Judged or the same refusal, so verdicts are remembered. It opens nothing and
runs nothing; `server/pipeline.py` calls it and runs what it returns.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from threading import Lock

from sqlglot import exp

from data.catalogue.model import catalogue
from data.errors import ReadingRoomError, Refused
from policies.advice import advise
from policies.disclosure.profile import Profile, Sizes, Witness
from policies.disclosure.unit import carry
from policies.filters import filtered, persons
from policies.guard.cost import check_cost
from policies.guard.order import order_rows, order_windows
from policies.guard.parse import understood
from policies.guard.resolve import Schema, resolve
from policies.model import Grant, Policy, Threshold, granted_schema
from policies.verdict import Judged, Witnessed

_REMEMBERED = 2048
_Key = tuple[str, str, str, bool, str, tuple[tuple[str, str], ...]]


class Judge:
    """Judges questions under one policy. Safe to share between threads."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.digest = policy.digest()
        self._verdicts: OrderedDict[_Key, Judged | ReadingRoomError] = OrderedDict()
        self._lock = Lock()

    def grant(self, role: str, purpose: str, on: date | None = None, break_glass: bool = False) -> Grant:
        """The grant for role and purpose on a day. Raises Refused: `default-deny` where the policy has none, `grant-expired`.

        With `break_glass` the emergency grant where there is one, else the ordinary one.
        """
        grant = (self.policy.grant(role, purpose, True) if break_glass else None) or self.policy.grant(role, purpose)
        if grant is not None and on is not None and not grant.valid_on(on):
            allowed = "Ask for the grant to be renewed."
            message = f"The grant of role '{role}' for {purpose} does not hold today."
            raise self.explained(Refused(message, rule="grant-expired", allowed=allowed))
        if grant is None and self.policy.grant(role, purpose, True) is not None:
            message = f"Role '{role}' for {purpose} is for emergencies."
            allowed = (
                "State why, with --break-glass or the header Reading-Room-Break-Glass; it is recorded and looked at."
            )
            raise self.explained(Refused(message, rule="break-glass", allowed=allowed))
        if grant is None:
            pairs = ", ".join(f"{one.role} for {one.purpose}" for one in self.policy.grants)
            message = f"No grant for role '{role}' with purpose '{purpose}'."
            raise self.explained(Refused(message, rule="default-deny", allowed=f"Granted are: {pairs}."))
        return grant

    def judge(
        self,
        sql: str,
        grant: Grant,
        held: Schema,
        snapshot: str,
        sizes: Sizes | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> Judged:
        """The verdict on `sql`; `held` and `sizes` are what the release holds, `snapshot` names it for remembering.

        `attributes` are those of who asks that the grant's row filters name.
        """
        told = tuple(sorted((attributes or {}).items())) if grant.rows else ()
        key = (sql, grant.role, grant.purpose, grant.break_glass, snapshot, told)
        with self._lock:
            known = self._verdicts.get(key)
            if known is not None:
                self._verdicts.move_to_end(key)
        if known is None:
            known = self._decided(sql, grant, held, sizes, dict(told))
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

    def _decided(
        self, sql: str, grant: Grant, held: Schema, sizes: Sizes | None, attributes: Mapping[str, str]
    ) -> Judged | ReadingRoomError:
        try:
            filters = [
                (persons(one.keep or one.drop, held, attributes), bool(one.keep)) for one in self.policy.filters(grant)
            ]
            return decide(sql, grant, held, self.policy.threshold(grant), sizes, filters)
        except Refused as refusal:
            return self.explained(refusal)
        except ReadingRoomError as error:
            return error
        except RecursionError:
            return self.explained(Refused("The question is nested too deep.", rule="size", allowed="Use WITH."))


def decide(
    sql: str,
    grant: Grant,
    held: Schema,
    threshold: Threshold | int,
    sizes: Sizes | None = None,
    filters: Sequence[tuple[exp.Query, bool]] = (),
) -> Judged:
    """Judges without memory. Raises Refused or BadRequest. A number for `threshold` means `hide_below` alone."""
    profile = Profile(threshold) if isinstance(threshold, int) else threshold.profile
    granted = granted_schema(grant, held, catalogue())
    tree, facts = resolve(understood(sql, granted), granted, held)
    check_cost(tree, sizes or Sizes())
    advice = advise(tree, sizes.day if sizes is not None else None)
    visible, parameters = len(tree.named_selects), tuple(sorted({node.name for node in tree.find_all(exp.Placeholder)}))
    guarded = False
    witnesses: tuple[Witness, ...] = ()
    tree = order_windows(tree)
    obligations = ["bounds", "redact"]
    if grant.mode == "aggregate":
        _cast_softly(tree)
        carried = carry(tree, profile, sizes)
        tree, guarded, witnesses = carried.tree, carried.hidden, carried.witnesses
        obligations.append(f"hide-below-{profile.hide_below}")
        obligations += [f"round-to-{profile.round_to}"] if profile.round_to else []
    obligations += [f"rows-{name}" for name in grant.rows]
    tree = filtered(order_rows(tree, keeps_order=not filters), filters)
    return Judged(
        sql=tree.sql(dialect="duckdb"),
        release=grant.release,
        mode=grant.mode,
        facts=facts,
        visible=visible,
        guarded=guarded,
        hide_below=profile.hide_below if grant.mode == "aggregate" else 0,
        obligations=tuple(obligations),
        parameters=parameters,
        witnesses=tuple(_witnessed(one, filters) for one in witnesses),
        advice=advice,
    )


def _witnessed(witness: Witness, filters: Sequence[tuple[exp.Query, bool]]) -> Witnessed:
    names = tuple(sorted({node.name for node in witness.query.find_all(exp.Placeholder)}))
    sql = filtered(witness.query, filters).sql(dialect="duckdb")
    return Witnessed(sql, witness.told, witness.tables, names, witness.one_level)


def _cast_softly(tree: exp.Query) -> None:
    """CAST becomes TRY_CAST, so that a value that does not fit cannot speak through an error."""
    for node in list(tree.find_all(exp.Cast)):
        if type(node) is exp.Cast and not isinstance(node.this, exp.Literal):
            node.replace(exp.TryCast(this=node.this, to=node.args["to"]))
