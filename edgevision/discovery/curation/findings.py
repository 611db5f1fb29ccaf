"""What a check says of a picture: a number, its limit, and the picture that it resembles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One way in which a picture can stand out."""

    title: str  # for people
    number: str  # what `Finding.value` is
    op: str  # how the value stands to the limit
    is_out: bool  # whether it puts a picture out, unless another list is asked for


REASONS: dict[str, Reason] = {  # in the order of their weight: the first that holds is the one that kept.csv names
    "unreadable": Reason("unreadable", "", "", True),
    "small": Reason("too small", "shorter side", "<", True),
    "dark": Reason("too dark", "brightest 1 % begins at", "<", True),
    "bright": Reason("too bright", "darkest 1 % ends at", ">", True),
    "flat": Reason("flat", "range of light", "<", True),
    "blurred": Reason("blurred", "sharpness", "<", True),
    "duplicate": Reason("near-duplicate", "likeness", "≥", True),
    "surplus": Reason("not among the most different", "likeness", "≥", True),
    "suspect": Reason("label in doubt", "probability of the other label", "≥", False),
    "outlier": Reason("outlier", "distance", ">", False),
}
DROPPED = tuple(name for name, reason in REASONS.items() if reason.is_out and name not in ("unreadable", "surplus"))


@dataclass(frozen=True)
class Finding:
    """One reason that holds for one picture."""

    name: str
    reason: str  # a key of REASONS
    value: float | None = None  # None: there is nothing to measure
    limit: float | None = None
    similar_to: str = ""  # name of the picture that it resembles
    detail: str = ""  # what more there is to say
    beside: str = ""  # name of another picture to look at

    def describe(self) -> str:
        """The detail, and the number with its limit."""
        reason = REASONS[self.reason]
        if self.value is None or self.limit is None:
            return self.detail
        number = f"{reason.number} {short(self.value)} {reason.op} {short(self.limit)}"
        return f"{self.detail}: {number}" if self.detail else number


def short(number: float) -> str:
    """Three digits that count: 0.0123, 12, 254."""
    return f"{number:.0f}" if abs(number) >= 100 or number == int(number) else f"{number:.3g}"
