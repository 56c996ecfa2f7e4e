"""One at a time, across processes, also those that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import Busy
from engine.store.locks import only_one

HOLD = """
import sys, time
from pathlib import Path
from engine.store.locks import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    path = tmp_path / "deep" / "lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield path, process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_held_lock_refuses_others_and_names_its_holder(holder):
    path, process = holder
    with pytest.raises(Busy, match=f"process {process.pid}"), only_one(path):
        pytest.fail("two held it")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_is_free_when_its_holder_was_killed(holder, number):
    path, process = holder
    os.kill(process.pid, number)
    process.wait()
    with only_one(path):
        pass


def test_a_lock_is_free_after_its_block_also_one_that_failed(tmp_path):
    path = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError), only_one(path):
        _ = 1 / 0
    with only_one(path):
        assert path.read_text() == str(os.getpid())
    assert path.read_text() == ""


def test_a_refused_try_leaves_the_lock_with_its_holder(holder):
    path, process = holder
    for _ in range(2):
        with pytest.raises(Busy, match=str(process.pid)), only_one(path):
            pytest.fail("two held it")
