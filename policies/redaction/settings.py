"""What a policy may say of redaction: the style of surrogates, words to keep, recognisers of its own. The section `redaction:` of the YAML."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from policies.redaction.spans import KINDS

Share = Annotated[float, Field(gt=0, lt=1)]


class Pattern(BaseModel):
    """One shape of a recogniser: a regular expression and how sure it is without any context word."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    regex: Annotated[str, Field(min_length=1, max_length=1_000)]
    score: Annotated[float, Field(ge=0, le=1)] = 0.5


class Recogniser(BaseModel):
    """A recogniser in Presidio's form: patterns or a list of words, with words that make a match surer where they stand near it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    supported_entity: Annotated[str, Field(description=f"What is found: one of {', '.join(KINDS)}.")]
    patterns: tuple[Pattern, ...] = ()
    deny_list: Annotated[tuple[str, ...], Field(max_length=50_000)] = ()
    context: tuple[str, ...] = ()

    @field_validator("supported_entity")
    @classmethod
    def _known_kind(cls, value: str) -> str:
        if value not in KINDS:
            raise ValueError(f"must be one of {', '.join(KINDS)}")
        return value


class Settings(BaseModel):
    """How texts are redacted in this room's releases."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    style: Annotated[
        Literal["label", "realistic"],
        Field(description="label: [NAME-7KQ2]; realistic: another name, number or town in its place."),
    ] = "label"
    language_model: Annotated[
        bool,
        Field(
            description="Whether Presidio and spaCy decide words in doubt; without, such words are struck out from `strike_from` on."
        ),
    ] = True
    strike_from: Annotated[
        Share, Field(description="Likelihood from which a word in doubt is struck out. Lower strikes more.")
    ] = 0.3
    keep: Annotated[
        tuple[str, ...],
        Field(max_length=50_000, description="Words that are never taken for a name: a ward's, a trial's, a device's."),
    ] = ()
    recognisers: Annotated[tuple[Recogniser, ...], Field(max_length=200)] = ()
    score_from: Annotated[Share, Field(description="Score from which a match of `recognisers` is struck out.")] = 0.5
