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
from data.errors import BadRequest, ReadingRoomError, Refused
from policies.advice import advise
from policies.disclosure.profile import Profile, Sizes, Witness
from policies.disclosure.unit import carry
from policies.filters import filtered, persons
from policies.guard.cost import check_cost
from policies.guard.order import order_rows, order_windows
from policies.guard.parse import Words, normal_form, understood
from policies.guard.resolve import Schema, resolve
from policies.guard.soften import soften
from policies.model import Grant, Policy, Threshold, granted_schema
from policies.verdict import Judged, Witnessed

_REMEMBERED = 2048
_Asker = tuple[str, str, bool, str, tuple[tuple[str, str], ...]]  # role, purpose, break-glass, snapshot, attributes
_Key = tuple[str | Words, _Asker]


class Judge:
    """Judges questions under one policy. Safe to share between threads."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.digest = policy.digest()
        self._verdicts: OrderedDict[_Key, Judged | ReadingRoomError] = OrderedDict()
        self._granted: dict[tuple[str, str, bool, str], Schema] = {}
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
        asker = (grant.role, grant.purpose, grant.break_glass, snapshot, told)
        known = self._remembered((sql, asker))
        if known is None:
            words = normal_form(sql)  # the same question with other spaces, comments or line breaks
            known = self._remembered((words, asker)) if words else None
            if known is None:
                known = self._decided(sql, asker, grant, held, sizes)
                if words and not isinstance(known, BadRequest):  # whose message may say a line and column
                    self._remember((words, asker), known)
            self._remember((sql, asker), known)
        if isinstance(known, ReadingRoomError):
            raise replace(known)
        return known

    def _remembered(self, key: _Key) -> Judged | ReadingRoomError | None:
        with self._lock:
            if (known := self._verdicts.get(key)) is not None:
                self._verdicts.move_to_end(key)
            return known

    def _remember(self, key: _Key, verdict: Judged | ReadingRoomError) -> None:
        with self._lock:
            self._verdicts[key] = verdict
            if len(self._verdicts) > _REMEMBERED:
                self._verdicts.popitem(last=False)

    def explained(self, refusal: Refused) -> Refused:
        """The refusal with whom to ask, from the policy."""
        return replace(refusal, ask=refusal.ask or self.policy.contact)

    def _decided(
        self, sql: str, asker: _Asker, grant: Grant, held: Schema, sizes: Sizes | None
    ) -> Judged | ReadingRoomError:
        attributes = dict(asker[-1])
        whose = asker[:-1]  # what is granted does not hang on attributes
        if whose not in self._granted:
            self._granted[whose] = granted_schema(grant, held, catalogue())
        try:
            filters = [
                (persons(one.keep or one.drop, held, attributes), bool(one.keep)) for one in self.policy.filters(grant)
            ]
            return decide(sql, grant, held, self.policy.threshold(grant), sizes, filters, self._granted[whose])
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
    granted: Schema | None = None,
) -> Judged:
    """Judges without memory. Raises Refused or BadRequest. A number for `threshold` means `hide_below` alone; `granted` is what of `held`
    the grant lets be used, where that is worked out already.
    """
    profile = Profile(threshold) if isinstance(threshold, int) else threshold.profile
    granted = granted_schema(grant, held, catalogue()) if granted is None else granted
    resolved = resolve(understood(sql, granted), granted, held)
    tree, scopes = resolved.tree, resolved.scopes
    check_cost(scopes, sizes or Sizes())
    advice = advise(tree, scopes, sizes.day if sizes is not None else None)
    visible, parameters = len(tree.named_selects), tuple(sorted({node.name for node in tree.find_all(exp.Placeholder)}))
    guarded = False
    witnesses: tuple[Witness, ...] = ()
    order_windows(scopes)
    obligations = ["bounds", "redact"]
    if grant.mode == "aggregate" or filters:  # an error may speak of rows that are not shown
        soften(tree, scopes)
    if grant.mode == "aggregate":
        carried = carry(tree, scopes, profile, sizes)
        tree, guarded, witnesses = carried.tree, carried.hidden, carried.witnesses
        obligations.append(f"hide-below-{profile.hide_below}")
        obligations += [f"round-to-{profile.round_to}"] if profile.round_to else []
    obligations += [f"rows-{name}" for name in grant.rows]
    tree = filtered(order_rows(tree, keeps_order=not filters), filters)
    spelled = _Spelled(filters)
    witnessed = tuple(spelled.witnessed(one) for one in witnesses)
    return Judged(
        sql=spelled.question(tree),
        release=grant.release,
        mode=grant.mode,
        facts=resolved.facts,
        visible=visible,
        guarded=guarded,
        hide_below=profile.hide_below if grant.mode == "aggregate" else 0,
        obligations=tuple(obligations),
        parameters=parameters,
        witnesses=witnessed,
        advice=advice,
    )


class _Spelled:
    """SQL of a rewritten question and of its witnesses; the WITH parts they share are spelled out once."""

    def __init__(self, filters: Sequence[tuple[exp.Query, bool]]) -> None:
        self._filters = filters
        self._parts: dict[int, str] = {}

    def witnessed(self, witness: Witness) -> Witnessed:
        """The witness as text; to be asked for before the question itself, whose tree is used up by being spelled out."""
        held = [node for one in (witness.query, *witness.parts) for node in one.find_all(exp.Placeholder)]
        names = tuple(sorted({node.name for node in held}))
        query = filtered(witness.query, self._filters).sql(dialect="duckdb", copy=False)
        sql = self._with(witness.parts, witness.recursive) + query
        return Witnessed(sql, witness.told, witness.tables, names, witness.one_level, witness.mixed)

    def question(self, tree: exp.Query) -> str:
        """The question as text."""
        parts = tree.args.get("with_")
        if parts is None:
            return tree.sql(dialect="duckdb", copy=False)
        parts.pop()
        before = self._with(parts.expressions, bool(parts.args.get("recursive")))
        return before + tree.sql(dialect="duckdb", copy=False)

    def _with(self, parts: Sequence[exp.Expr], recursive: bool) -> str:
        if not parts:
            return ""
        told = []
        for part in parts:
            if id(part) not in self._parts:
                self._parts[id(part)] = part.sql(dialect="duckdb")
            told.append(self._parts[id(part)])
        return f"WITH {'RECURSIVE ' if recursive else ''}{', '.join(told)} "
