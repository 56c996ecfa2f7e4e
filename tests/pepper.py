"""A home whose secret is the same in every run, so that nothing in it is left to chance.

In: a home without a secret. Out: the same home with one. Never: a secret that guards anything.
"""

from __future__ import annotations

from engine.store.home import Home


def with_pepper(home: Home) -> Home:
    """The home with a fixed secret, and so with the same splits of people in every run."""
    path = home.root / "secrets" / "pepper"
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_bytes(b"the same in every run of a test.")
    return home
