"""Where independent pieces of work run: threads or processes of this machine, or a Dask cluster.

In: functions with their arguments, and the name of a backend. Out: results in the order given.
Never: work whose result depends on which worker did it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import joblib

Task = tuple[Callable[..., Any], dict[str, Any]]


def run(tasks: Sequence[Task], *, backend: str, workers: int) -> Iterator[Any]:
    """Yields the result of each task in the order given, as soon as it and those before are done.

    LightFM and BLAS release the interpreter's lock, so `threading` uses several cores without
    copying matrices; `loky` shields this process from one that dies.
    """
    with joblib.parallel_config(backend=backend, n_jobs=max(1, min(workers, len(tasks)))):
        parallel = joblib.Parallel(return_as="generator")
        yield from parallel(joblib.delayed(work)(**arguments) for work, arguments in tasks)
