"""The error tree: what can go wrong, told with the data that explains it.

In: the facts of a failure. Out: exceptions whose text says what to do next.
Never: an HTTP status (api/problems.py holds that table) and never a personal identifier.

EngineError
├── ConfigError(file, key)
├── DataError
│   ├── FrameError(frame, column)
│   ├── UnreadableFile(path)
│   ├── InvalidValue(field)
│   ├── UnknownEntity(kind, id, near)
│   └── DuplicateEntity(kind, id)
├── ModelError
│   ├── NotTrained
│   ├── NothingToLearn(reason)
│   ├── ArtefactCorrupt(path)
│   ├── ChallengerRejected(metric, champion, challenger)
│   └── Busy(holder)
├── PlanInfeasible(reason)
├── PrivacyError
│   ├── ConsentMissing(purpose)
│   └── SegmentTooSmall(minimum)
└── Forbidden(permission, role)
"""

from __future__ import annotations

LONGEST_SHOWN = 80
JOINERS = "\u200c\u200d"
"""Cannot be seen, and are letters all the same: in Persian words and in emoji."""


def counted(number: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def shown(text: str, most: int = LONGEST_SHOWN) -> str:
    """A foreign text as a message may repeat it: its middle left out where it is long.

    Characters that cannot be printed, or turn the direction of what follows, are escaped.
    """
    half = most // 2
    short = text if len(text) <= most else f"{text[:half]}…{text[-half:]}"
    return "".join(
        sign if sign.isprintable() or sign in JOINERS else sign.encode("unicode_escape").decode()
        for sign in short
    )


class EngineError(Exception):
    """Root of everything this product raises on purpose; `str()` is fit for a user's eyes."""


class ConfigError(EngineError):
    """A configuration file holds an unknown key or a value outside its allowed range."""

    def __init__(self, file: str, key: str, detail: str) -> None:
        super().__init__(f"{file}: {key}: {detail}")
        self.file, self.key, self.detail = file, key, detail


class DataError(EngineError):
    """Data that was handed in cannot be used as it is."""


class FrameError(DataError):
    """A frame lacks a column, or a column has another type than the schema names."""

    def __init__(self, frame: str, column: str, detail: str) -> None:
        super().__init__(f"{frame}.{column}: {detail}")
        self.frame, self.column, self.detail = frame, column, detail


class UnreadableFile(DataError):
    """A file as a whole cannot be parsed: truncated, of another format, or empty."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path, self.detail = path, detail


class InvalidValue(DataError):
    """A question holds a value that cannot be answered: out of range, or at odds with another."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field, self.detail = field, detail


class UnknownEntity(DataError):
    """Nothing of this kind has this id; `near` holds up to five known ids that resemble it."""

    def __init__(self, kind: str, id: str, near: tuple[str, ...] = ()) -> None:
        hint = f"; known and near: {', '.join(map(shown, near))}" if near else ""
        super().__init__(f"no {kind} '{shown(id)}'{hint}")
        self.kind, self.id, self.near = kind, id, near


class DuplicateEntity(DataError):
    """Something of this kind with this id exists already."""

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"{kind} '{shown(id)}' exists already")
        self.kind, self.id = kind, id


class ModelError(EngineError):
    """No model can answer, or a model may not be used."""


class NotTrained(ModelError):
    """No champion exists yet."""

    def __init__(self) -> None:
        super().__init__("no model yet: run `mokhatab ingest EVENTS`, then `mokhatab retrain`")


class NothingToLearn(ModelError):
    """The evidence cannot teach a model: no events, no likes, or nobody to compare."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ArtefactCorrupt(ModelError):
    """A file of a model does not match its manifest; it is never read further."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path, self.detail = path, detail


class ChallengerRejected(ModelError):
    """The new model failed the gate; the champion stays."""

    def __init__(self, metric: str, champion: float, challenger: float, detail: str) -> None:
        super().__init__(detail)
        self.metric, self.champion, self.challenger = metric, champion, challenger


class Busy(ModelError):
    """Another retrain holds the lock of this home."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"another retrain runs ({holder}); try again when it has ended")
        self.holder = holder


class PlanInfeasible(EngineError):
    """No plan meets the constraints; `reason` names the ones that quarrel."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PrivacyError(EngineError):
    """An answer would say more about people than it may."""


class ConsentMissing(PrivacyError):
    """The purpose was not consented to."""

    def __init__(self, purpose: str) -> None:
        super().__init__(f"no consent for purpose {purpose!r}")
        self.purpose = purpose


class SegmentTooSmall(PrivacyError):
    """The audience has fewer people than may be addressed; the count itself is not told."""

    def __init__(self, minimum: int) -> None:
        super().__init__(f"fewer than {minimum} people; widen the audience")
        self.minimum = minimum


class Forbidden(EngineError):
    """The caller's role does not hold the permission; of what may not be seen nothing is told."""

    def __init__(self, permission: str, role: str) -> None:
        super().__init__(f"the role {role} does not hold the permission {permission}")
        self.permission, self.role = permission, role
