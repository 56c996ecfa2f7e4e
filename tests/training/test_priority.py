"""Training stands back behind whatever else the machine does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AS_SERVED = """
import json, os, sys, threading
from pathlib import Path
from engine.store.home import Home
from training.priority import stand_back
stand_back(Home(Path(sys.argv[1])))
import joblib, numpy
numpy.ones((300, 300)) @ numpy.ones((300, 300))
tasks = [int(task) for task in os.listdir("/proc/self/task")]
print(json.dumps([os.getpriority(os.PRIO_PROCESS, task) for task in tasks]))
"""


def priorities(home, *before):
    command = [*before, sys.executable, "-c", AS_SERVED, str(home)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "2"}
    told = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    return set(json.loads(told))


def test_every_thread_of_training_stands_back(tmp_path):
    assert priorities(tmp_path) == {max(10, os.getpriority(os.PRIO_PROCESS, 0))}


@pytest.mark.parametrize("niceness", [0, 15])
def test_a_home_says_how_far_and_nobody_is_ever_put_forward(tmp_path, niceness):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "training.toml").write_text(f"compute.niceness = {niceness}\n")
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert priorities(tmp_path, "nice", "-n", "3") == {max(niceness, min(19, ours + 3))}


def test_retrain_and_tune_stand_back_and_the_other_verbs_do_not(tmp_path):
    """A retrain and a doctor are asked in a process of their own, which tells its priority."""
    asked = (
        "import os, sys\nfrom api.cli import main\nsys.argv = sys.argv[1:]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "sys.stderr.write(f'\\n{os.getpriority(os.PRIO_PROCESS, 0)}')\n"
    )
    found = {}
    for verb in ("retrain", "tune", "doctor"):
        words = [sys.executable, "-c", asked, "mokhatab", "--home", str(tmp_path), verb]
        said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False).stderr
        found[verb] = int(said.splitlines()[-1])
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert found == {"retrain": max(10, ours), "tune": max(10, ours), "doctor": ours}
