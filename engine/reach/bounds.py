"""Between what a chance lies, by how often something happened among draws.

In: counts of draws, how likely an error may be. Out: bounds that hold but for that.
Never: a law that is true only of many successes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, lgamma, log, log1p, sqrt

HALVINGS = 50


def at_most(count: float, number: int, error: float) -> float:
    """The largest chance by which so few of a number of trials would succeed as `count` or fewer.

    Where it is larger than the true chance, which happens with at most this error, is the exact
    bound of Clopper & Pearson (1934), but for the tail: below `count`, each probability is at most
    so large a part of the next as the last one is (Feller 1968, VI.3), and so is their sum.
    """
    some = min(int(count), number)  # a bound of a whole number holds for its whole part
    if some >= number:
        return 1.0
    ways = lgamma(number + 1) - lgamma(some + 1) - lgamma(number - some + 1)
    low, high = some / number, 1.0
    for _ in range(HALVINGS):
        chance = (low + high) / 2
        part = some * (1 - chance) / ((number - some + 1) * chance)
        there = ways + some * log(chance) + (number - some) * log1p(-chance) if chance < 1 else -inf
        few = part < 1 and there - log1p(-part) <= log(error)
        low, high = (low, chance) if few else (chance, high)
    return high


def at_least(count: float, number: int, error: float) -> float:
    """The smallest chance by which so many of a number of trials would succeed."""
    return 1 - at_most(number - count, number, error)


@dataclass(frozen=True)
class Met:
    """How many of a number of sets are met: of those who are to hear, and of detractors.

    `foes` says whether there are detractors at all, met or not.
    """

    good: int
    bad: int
    number: int
    foes: bool

    @property
    def mean(self) -> float:
        """Those who are to hear less detractors, as a part of all sets."""
        return (self.good - self.bad) / max(self.number, 1)

    def least(self, error: float) -> float:
        """At least so large is the chance of the former less that of the latter."""
        if not self.foes:
            return at_least(self.good, self.number, error)
        half = error / 2
        return at_least(self.good, self.number, half) - at_most(self.bad, self.number, half)

    def most(self, error: float) -> float:
        """At most so large it is."""
        if not self.foes:
            return at_most(self.good, self.number, error)
        half = error / 2
        return at_most(self.good, self.number, half) - at_least(self.bad, self.number, half)


@dataclass(frozen=True)
class Optimum:
    """What any choice reaches at most, as a part of all sets, by what any covers of some sets.

    Without detractors the best choice meets each set by a chance, and covers no more than the
    bound of what is covered: that is `at_most`. With them a set counts 1, 0 or -1, and sums of that
    vary more than their mean tells: by Bernstein's inequality, with a variance of at most the
    chance to meet a set, which is at most twice that of a set of those who are to hear less the
    mean, where `bright` sets of those are covered by any choice at most.
    """

    number: int
    error: float
    bright: float | None = None

    def __call__(self, covered: float) -> float:
        """At most so large a part, where no choice covers more than `covered`, detractors off."""
        if self.bright is None:
            return at_most(covered, self.number, self.error)
        half, mean = self.error / 2, covered / self.number
        bright, surety = at_most(self.bright, self.number, half), -log(half)
        # below this more is not bounded by less: who is covered most is then not who is at most
        variance = max(2 * bright - mean, surety / self.number)
        wide = 2 * surety / (3 * self.number)  # the values lie within 2 of their mean
        return min(mean + wide + sqrt(wide**2 + 2 * variance * surety / self.number), bright)

    def enough(self, least: float, proof: float) -> float:
        """The bound of what is covered, in sets, under which so much is proven of the best."""
        if proof <= 0:
            return inf
        low, high = 0, self.number
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if least >= proof * self(middle) else (low, middle - 1)
        return float(low)
