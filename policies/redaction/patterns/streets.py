"""Words that streets are made of, in several languages, and words that only look so; `lists.txt` says what each list is."""

from policies.redaction.folding import fold
from policies.redaction.patterns.lists import listed

STRONG, WEAK = frozenset(listed("strong")), frozenset(listed("weak"))
SUFFIXES = STRONG | WEAK
DOUBTFUL = frozenset(listed("doubtful"))
BEFORE = tuple(map(fold, listed("before")))
ENDS = listed("ends")
ENGLISH = frozenset(listed("english"))
ENDS_APART = frozenset(listed("ends-apart"))
NEVER, SELDOM = frozenset(listed("never")), frozenset(listed("seldom"))
# Names of apartments and the like.
UNITS = r"(?:apt|apartment|suite|ste|unit|flat|bldg|building|floor|fl|rm|room|lot|trlr|spc|space|dept|ph|penthouse)"
