"""Texts in the form in which they are compared: lower case, without accents, of the same length as they came."""

import unicodedata


def _fold_char(char: str) -> str:
    base = unicodedata.normalize("NFKD", char)[0].casefold()
    return base if len(base) == 1 else char


_FOLD = (
    {code: _fold_char(chr(code)) for code in range(0x80, 0x2100)}
    | {ord(c): " " for c in "\t\n\r\u00a0"}
    | {0x2019: "'", 0x2010: "-", 0x2011: "-", 0x2013: "-"}
)


def fold(text: str) -> str:
    """Lower case, without accents, white space as blanks; of the same length, so places stay the same."""
    if text.isascii():
        return text.lower().translate(_WHITE)
    folded = text.translate(_FOLD)
    lowered = folded.lower()
    return lowered if len(lowered) == len(text) else "".join(_fold_char(char) for char in folded)


_WHITE = {ord(c): " " for c in "\t\n\r"}
