"""Reasons in words, from figures.

In: a lift with its interval and what a segment's people have in common. Out: one sentence.
Never: a claim that the interval does not bear.
"""

from __future__ import annotations


def reason(lift: float, lower: float, upper: float, trait: str) -> str:
    """Says how many likers a segment holds beside everybody, then what its people share.

    `3.2 × as many likers as everybody; they like Drama and 'Schindler's List'`. Where the
    interval holds 1, the sentence says `perhaps`.
    """
    times = f"{lift:.0f} ×" if lift >= 10 else f"{lift:.1f} ×"
    if 0.95 <= lift < 1.05:
        return f"about as many likers as everybody; {trait}"
    much = "as many likers as everybody" if lift >= 1 else "the likers of everybody"
    said = "perhaps " if lower <= 1 <= upper else ""
    return f"{said}{times} {much}; {trait}"


def share_words(share: float) -> str:
    """A share as people write it: 0.05 is `5 %`."""
    return f"{100 * share:g} %"


def share_trait(share: float) -> str:
    """What the people of a product's own best share have in common."""
    return f"they are the {share_words(share)} whose taste fits it best"
