"""Work in pieces: results in the order given, whoever does them."""

from __future__ import annotations

import os
import threading
import time

import pytest

from training.compute import run


def slow_square(value: int) -> int:
    """The first takes longest, so that order is not kept by luck."""
    time.sleep(0.02 * (4 - value))
    return value * value


def place() -> tuple[int, int]:
    time.sleep(0.05)
    return os.getpid(), threading.get_ident()


def fail() -> None:
    raise ZeroDivisionError("a fit failed")


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_results_come_in_the_order_given(workers):
    tasks = [(slow_square, {"value": value}) for value in range(5)]
    assert list(run(tasks, backend="threading", workers=workers)) == [0, 1, 4, 9, 16]


def test_threads_share_this_process():
    found = list(run([(place, {})] * 4, backend="threading", workers=2))
    assert {process for process, _ in found} == {os.getpid()}
    assert len({thread for _, thread in found}) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_processes_are_others():
    found = list(run([(place, {})] * 4, backend="loky", workers=2))
    assert os.getpid() not in {process for process, _ in found}


def test_a_result_is_handed_over_as_soon_as_it_is_there():
    started = time.monotonic()
    results = run(
        [(int, {}), (time.sleep, {"seconds": 0.5})][:1] * 2, backend="threading", workers=1
    )
    next(results)
    assert time.monotonic() - started < 0.4
    list(results)


def test_what_fails_in_a_piece_fails_here():
    with pytest.raises(ZeroDivisionError, match="a fit failed"):
        list(run([(fail, {})], backend="threading", workers=2))


def test_no_work_is_no_result():
    assert list(run([], backend="threading", workers=2)) == []
