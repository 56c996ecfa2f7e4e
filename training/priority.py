"""Training goes last: whoever waits for an answer on the same machine is served first.

In: a home, whose settings say how far to stand back. Out: this process, of lower priority.
Never: a priority raised; and it says nothing to threads that run already.
"""

from __future__ import annotations

import os

from engine import settings
from engine.store.home import Home


def stand_back(home: Home) -> None:
    """Lowers this thread and those it starts, so call it before libraries start their own."""
    niceness = settings.load("training", home.root)["compute"].niceness
    os.setpriority(os.PRIO_PROCESS, 0, max(niceness, os.getpriority(os.PRIO_PROCESS, 0)))
