"""Who is set aside from a campaign, so that its effect can be measured: by a salted hash.

In: users, a campaign, a secret salt and a share. Out: a mask, the same whenever it is asked for.
Never: a clock or a random number; nobody's place depends on who else is asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import InvalidValue

Array = NDArray[Any]
Words = NDArray[np.uint64]
SHORTEST_SALT, LONGEST_SALT = 8, 64  # bytes; the longest is BLAKE2b's
_TOGETHER = 1 << 18  # users hashed at a time
_INITIAL = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def assign(
    users: pl.Series | Sequence[str], campaign_id: str, *, salt: bytes, share: float
) -> NDArray[np.bool_]:
    """(n,): True for each user who is held out of the campaign, in the order of `users`.

    Each user's place between 0 and 1 is SipHash-2-4 (Aumasson & Bernstein 2012) of the id's bytes
    under a key that BLAKE2b makes of salt and campaign; those below `share` are held out. So it is
    the same on every machine, independent between campaigns, cannot be guessed without the salt,
    and a larger share holds out everybody whom a smaller one does. A user given twice has one
    place.

    Raises:
        InvalidValue: a share of nothing or of everybody, a salt that is too short or too long, or
            a user without an id.
    """
    refuse_share(share)
    if not SHORTEST_SALT <= len(salt) <= LONGEST_SALT:
        raise InvalidValue("salt", f"must have {SHORTEST_SALT} to {LONGEST_SALT} bytes")
    ids = pl.Series("user_id", users, pl.String)
    if ids.null_count():
        raise InvalidValue("users", "one of them has no id")
    key = blake2b(campaign_id.encode(), key=salt, digest_size=16).digest()
    held: NDArray[np.bool_] = places(ids, key) < share
    return held


def refuse_share(share: float) -> None:
    """Says why a share cannot be held out.

    Raises:
        InvalidValue: it is not above 0 and below 1.
    """
    if not 0 < share < 1:
        raise InvalidValue(
            "holdout_share",
            f"{share:g} leaves nobody to compare with; it must be above 0 and below 1, as 0.1",
        )


def places(ids: pl.Series, key: bytes) -> NDArray[np.float64]:
    """(n,): a place in [0, 1) for each id, from the upper 53 bits of its hash under the key."""
    found = np.empty(len(ids))
    for start in range(0, len(ids), _TOGETHER):
        part = ids.slice(start, _TOGETHER).cast(pl.Binary)
        found[start : start + len(part)] = (_hashes(part, key) >> np.uint64(11)) * 2.0**-53
    return found


def mismatch(people: int, held_out: int, share: float) -> float:
    """How likely a split at least as far from `share` is by chance: binomial, two-sided.

    Below one in a thousand something dropped people of one side, and no effect may be read off
    (sample ratio mismatch: Fabijan et al. 2019).
    """
    from scipy.stats import binomtest

    return float(binomtest(held_out, people, share).pvalue)


def _hashes(ids: pl.Series, key: bytes) -> Words:
    """SipHash-2-4 of each string of bytes, those of as many 8-byte words together."""
    lengths = ids.bin.size().to_numpy().astype(np.uint64)
    width = 8 * (int(lengths.max()) // 8 + 1)
    text = np.array(ids.to_list(), f"S{width}")
    words = text.view("<u8").reshape(len(ids), width // 8).astype(np.uint64)
    whole = (lengths // np.uint64(8)).astype(np.int64)
    rows = np.arange(len(ids))
    words[rows, whole] |= lengths << np.uint64(56)
    found = np.empty(len(ids), np.uint64)
    for count in np.unique(whole):
        here = whole == count
        found[here] = _sip(words[here, : count + 1], key)
    return found


def _sip(words: Words, key: bytes) -> Words:
    first, second = np.frombuffer(key, "<u8").astype(np.uint64)
    keys = (first, second, first, second)
    state = [
        np.full(len(words), start, np.uint64) ^ k for start, k in zip(_INITIAL, keys, strict=True)
    ]
    for word in words.T:
        state[3] ^= word
        _round(_round(state))
        state[0] ^= word
    state[2] ^= np.uint64(0xFF)
    _round(_round(_round(_round(state))))
    found: Words = state[0] ^ state[1] ^ state[2] ^ state[3]
    return found


def _round(v: list[Words]) -> list[Words]:
    v[0] += v[1]
    v[1] = _turned(v[1], 13) ^ v[0]
    v[0] = _turned(v[0], 32)
    v[2] += v[3]
    v[3] = _turned(v[3], 16) ^ v[2]
    v[0] += v[3]
    v[3] = _turned(v[3], 21) ^ v[0]
    v[2] += v[1]
    v[1] = _turned(v[1], 17) ^ v[2]
    v[2] = _turned(v[2], 32)
    return v


def _turned(word: Words, bits: int) -> Words:
    found: Words = (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))
    return found
