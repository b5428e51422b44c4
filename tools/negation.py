"""Whether words of a note stand under a negation: "denies chest pain", "pneumonia was ruled out". English, by words alone.

After NegEx (Chapman et al., J Biomed Inform 34:301, 2001) and ConText (Harkema et al., J Biomed Inform 42:839, 2009): a cue negates what
follows it, or what goes before it, to the end of the sentence, to a word that ends its reach (but, however), or for a few words; in a list
("denies fever, chills, night sweats or weight loss") as long as the list goes on. Words that look like a cue and negate nothing ("no
increase", "gram negative") are told apart first. Nothing is said of what is doubtful, of the past, or of another than the patient.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

BEFORE, AFTER = 8, 6  # words between a cue and the last word it reaches, or the first
_PIECE, _LIST = 4, 40  # words of one item of a list, and of a list altogether


def _words(*patterns: str) -> re.Pattern[str]:
    """Any of the patterns as whole words; a blank stands for any white space."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)".replace(" ", r"\s+"))


# Verbs that a negation takes with it, so that "not complaining of" reaches on.
_TAKEN = (
    r"(?: (?:be|been|being|have|has|had|having|any|report(?:s|ed|ing)?|complain(?:s|ed|ing)?(?: of)?|present(?:s|ed|ing)?(?: with)?"
    r"|endors(?:e|es|ed|ing)|admit(?:s|ted|ting)?(?: to)?))*"
)
_SUCH = "known|prior|previous|clear|definite|obvious|significant"
_FINDING = "evidence|signs?|history|complaints?|reports?|symptoms?|suggestion|indication|findings?"
_PSEUDO = _words(
    r"no (?:\w+ )?(?:increase[ds]?|decrease[ds]?|change[ds]?)", "no further", "no doubt", "no less", "not only", "not just",
    "not merely", "not necessarily", "not (?:certain|sure|clear) (?:if|whether|that)", "not to mention", "without difficulty",
    "gram[- ]negative", "rh[- ]negative", "(?:false|double)[- ]negatives?",
    r"(?:not|cannot|can't|could not|couldn't|unable to) (?:be )?(?:(?:entirely|completely|fully|yet|been) )*(?:rule[ds]? out|exclude[ds]?)",
)  # fmt: skip
_CUE_BEFORE = _words(
    rf"no (?:(?:{_SUCH}) )?(?:{_FINDING}) (?:of|for|suggesting|to suggest)", rf"(?:not|never|\w+n't|cannot){_TAKEN}", "no", "none of",
    "nor", "neither", "den(?:y|ies|ied|ying)(?: having| any)*", "without", "negative for", "free of", "free from", "absence of",
    "absent", "lack of", "lacks", "lacking", "fails? to (?:reveal|show|demonstrate)", "failed to (?:reveal|show|demonstrate)",
    "rules out", "ruled out for", "ruling out", "unremarkable for", "declines",
)  # fmt: skip
# What goes before "ruled out" is ruled out; where nothing does, what follows.
_RULED_OUT = re.compile(r"^\W*(?:(?:has|have|had|been|was|were|we|they)\s+)*ruled\s+out(?!\w)")
_SEEN = "seen|present|found|detected|identified|appreciated|noted|observed|demonstrated|evident"
_CUE_AFTER = _words(
    rf"(?:(?:is|are|was|were|has been|have been|had been|be|been|being) )?(?:ruled out|excluded|denied|not (?:{_SEEN}))"
)
# Alone, and with nothing after it that it could belong to: "troponin negative." and not "negative troponin".
_ALONE_AFTER = re.compile(
    r"(?<!\w)(?:(?:is|are|was|were|has\s+been|have\s+been|remains?|appears?|seems?)\s+)?(?:very\s+|highly\s+)?"
    r"(?:negative|absent|unlikely|lacking|none)(?=\s*(?:$|[,.;:)\]]|(?:and|or|but|on|by|at|in|per|today|this|during|given)(?!\w)))"
)
_ANSWER = re.compile(r"[:=-]\s*(?:no|none|negative|absent|denie[sd]|neg)(?=\s*(?:$|[,.;)\]/]))")
_ENDS = _words(
    "but", "however", "except", "though", "although", "nevertheless", "nonetheless", "yet", "whereas", "apart from", "aside from",
    "other than", "secondary to", "due to", "because", "which", r"reports?", "reported", r"endorse[sd]", "admits", r"complain(?:s|ed)",
    r"present(?:s|ed) with", "positive for", r"(?:he|she|they|who|and|patient|pt) (?:now )?(?:has|had|have|is|was|does|did)",
)  # fmt: skip
_ENDS_BY_MARK = re.compile(r";|,\s+(?:the\s+)?(?:patient|pt|he|she|they|we|has|had|now)(?!\w)")
_SENTENCE_END = re.compile(r"[.!?]+(?=\s|$)|\n\s*\n|\n(?=\s*(?:[-*•]|\d+[.)]\s|[A-Z][\w /]{0,40}:))")
_SHORT = re.compile(r"(?:^|\W)(?:dr|mr|mrs|ms|st|vs|pt|approx|e\.g|i\.e|[a-z])\.$", re.IGNORECASE)
_SEPARATOR = re.compile(r",|/|(?<!\w)(?:and|or|nor)(?!\w)")
_WORD = re.compile(r"[\w'-]+")


@dataclass(frozen=True)
class Negation:
    """The negations of one text."""

    text: str = field(repr=False)

    def covers(self, start: int, stop: int) -> bool:
        """Whether the characters `start` to `stop` (not included) stand under a negation, or are the words of one."""
        for sentence in self._sentences:
            if sentence.start <= start < sentence.stop:
                return sentence.negates(start - sentence.start, stop - sentence.start)
        return False

    @cached_property
    def _sentences(self) -> list["_Sentence"]:
        lowered = _lowered(self.text)
        return [_Sentence(start, stop, lowered[start:stop]) for start, stop in sentences(self.text)]


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a text begin and end. A line of its own (a heading, a point of a list) is one; a broken line is not."""
    begin = 0
    for match in _SENTENCE_END.finditer(text):
        if match[0] == "." and _SHORT.search(text, max(begin, match.start() - 8), match.end()):
            continue
        if text[begin : match.end()].strip():
            yield begin, match.end()
        begin = match.end()
    if text[begin:].strip():
        yield begin, len(text)


@dataclass(frozen=True)
class _Sentence:
    """A sentence in lower case, and where it stands in its text."""

    start: int
    stop: int
    text: str

    def negates(self, start: int, stop: int) -> bool:
        """Whether a cue reaches the words, or holds them. Where the nearest does not reach, one farther off does not either."""
        if any(one <= start and stop <= other for one, other in (*self._before, *self._after)):
            return True
        before = max((other for _, other in self._before if other <= start), default=None)
        after = min((one for one, _ in self._after if one >= stop), default=None)
        reached = before is not None and self._reaches(before, start)
        return reached or (after is not None and self._reaches_back(stop, after))

    def _reaches(self, cue: int, start: int) -> bool:
        between = self.text[cue:start]
        if self._ended(cue, start):
            return False
        return len(_WORD.findall(between)) <= BEFORE or _is_list(between)

    def _reaches_back(self, stop: int, cue: int) -> bool:
        between = self.text[stop:cue]
        if self._ended(stop, cue) or len(_WORD.findall(between)) > AFTER:
            return False
        return "," not in between or _SEPARATOR.search(between.rpartition(",")[2]) is not None

    def _ended(self, start: int, stop: int) -> bool:
        return any(start <= place < stop for place in self._ends)

    @cached_property
    def _pseudo(self) -> list[tuple[int, int]]:
        return [match.span() for match in _PSEUDO.finditer(self.text)]

    @cached_property
    def _after(self) -> list[tuple[int, int]]:
        found = [match.span() for one in (_CUE_AFTER, _ALONE_AFTER, _ANSWER) for match in one.finditer(self.text)]
        return [span for span in found if not _meets(span, self._pseudo) and not _RULED_OUT.match(self.text[: span[1]])]

    @cached_property
    def _before(self) -> list[tuple[int, int]]:
        found = [match.span() for match in _CUE_BEFORE.finditer(self.text)]
        found += [match.span() for match in [_RULED_OUT.match(self.text)] if match]
        return [span for span in found if not _meets(span, [*self._pseudo, *self._after])]

    @cached_property
    def _ends(self) -> list[int]:
        """Where the reach of a cue ends; a word within a cue ends nothing."""
        found = [match.span() for one in (_ENDS, _ENDS_BY_MARK) for match in one.finditer(self.text)]
        return [span[0] for span in found if not _meets(span, [*self._before, *self._after])]


def _lowered(text: str) -> str:
    """In lower case, of the same length, with plain apostrophes."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a letter that becomes two
        lowered = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
    return lowered.replace("\u2019", "'")


def _meets(span: tuple[int, int], others: list[tuple[int, int]]) -> bool:
    return any(span[0] < other[1] and other[0] < span[1] for other in others)


def _is_list(between: str) -> bool:
    """Whether the words between a cue and another word are the items of one list: short, with commas."""
    pieces = [len(_WORD.findall(piece)) for piece in _SEPARATOR.split(between)]
    return "," in between and max(pieces) <= _PIECE and sum(pieces) <= _LIST
