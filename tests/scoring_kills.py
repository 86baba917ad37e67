"""Jobs that are killed: a process that has loaded everything, and gives birth to one that scores for each order.

Order a line ``go`` and it answers with the number of the process that scores; when that ends, with how it ended.
Nothing is computed in it, so that every child begins without threads.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

SERVE = """
import os, sys
sys.path.insert(0, sys.argv[1])
from importlib import import_module
job_of = import_module(sys.argv[5]).job_of
from patronage.scoring.job import run_job
for _ in sys.stdin:
    child = os.fork()
    if not child:
        code = 1
        try:
            run_job(job_of(sys.argv[2], sys.argv[3], int(sys.argv[4])))
            code = 0
        finally:
            os._exit(code)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def killed_until_done(source, out, part_rows, kills, longest, seed=0, maker="feature_rows", after=None):
    """Start a job and kill it, so many times, at random moments, the early ones first; then let it end.

    Parameters
    ----------
    source, out : Path
    part_rows : int
    kills : int
    longest : float
        Seconds within which it is killed: what it takes when nobody does, on the machine as busy as it is now.
    maker : str
        The module beside this one whose ``job_of`` makes the job.
    after : callable, optional
        Called after each kill.

    Returns
    -------
    list of int
        Finished parts in the work folder after each kill; -1 where the job was done before.
    """
    rng, found = random.Random(seed), []
    command = [sys.executable, "-c", SERVE, str(ROOT / "tests"), str(source), str(out), str(part_rows), maker]
    work = out.with_name(f".{out.name}.work")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as server:  # fmt: skip
        try:
            for turn in range(kills + 1):
                server.stdin.write("go\n")
                server.stdin.flush()
                child = int(server.stdout.readline())
                if turn < kills:
                    time.sleep(longest * (turn + rng.random()) / kills)
                    # A job that was faster than its killer is gone already.
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
                status = int(server.stdout.readline())
                if turn == kills:
                    assert status == 0, f"the last run ended with {status}"
                else:
                    found.append(len(list(work.glob("part-*.json"))) if status else -1)
                    if after is not None:
                        after()
        finally:
            server.stdin.close()
    return found
