"""What a single question on the command line costs: a fresh process each time.

    python -m benchmarks cold [--chunks 10000] [--repeats 5] [--no-save]

Wall time and peak memory (wait4) of `copilot ask` over an index of 10,000 chunks, and of `copilot --help`; medians.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import corpora
from benchmarks.common import HERE, MissingData, Table
from benchmarks.scale import scale_home

# A process's peak memory counts that of the process it was forked from, so that a small one must start what is measured.
_LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(json.dumps([time.perf_counter() - start, usage.ru_maxrss, os.waitstatus_to_exitcode(status)]))
"""


def timed(command: Sequence[str]) -> tuple[float, float, int]:
    """(wall seconds, peak MB of the process, exit code)."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command],
        cwd=HERE.parent, env={**os.environ, "HF_HUB_OFFLINE": "1"}, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    wall, peak, code = json.loads(done.stdout)
    return wall, peak * (1 if sys.platform == "darwin" else 1024) / 1e6, code


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks cold", description=__doc__.split("\n")[0])
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args(arguments)
    if not hasattr(os, "wait4"):
        print("cold needs os.wait4, which this system has not")
        return
    try:
        home, _ = scale_home(options.chunks)
        asked = corpora.questions(options.repeats + 1)
    except MissingData as missing:
        print(missing)
        return
    beside = Path(sys.executable).with_name("copilot")
    copilot = [str(beside)] if beside.exists() else [sys.executable, "-m", "copilot.cli"]
    table = Table(
        "cold", "ask", f"A fresh process, {options.chunks} chunks, medians of {options.repeats}",
        ["command", "wall s", "slowest s", "peak MB", "exit codes"],
        notes=["the first call of each command is not counted: it exports the encoder or fills the disk's cache"],
    )  # fmt: skip
    commands = {
        "copilot ask": [[*copilot, "ask", "--home", str(home), question] for question in asked],
        "copilot search": [[*copilot, "search", "--home", str(home), question] for question in asked],
        "copilot --help": [[*copilot, "--help"]] * (options.repeats + 1),
    }
    for name, calls in commands.items():
        runs = [timed(call) for call in calls][1:]
        walls = [wall for wall, _, _ in runs]
        memory = statistics.median(mb for _, mb, _ in runs)
        if failed := [code for _, _, code in runs if code]:
            raise SystemExit(f"{name} ended with code {failed[0]}: nothing to be measured")
        codes = " ".join(str(code) for code in sorted({code for _, _, code in runs}))
        table.add(name, f"{statistics.median(walls):.2f}", f"{max(walls):.2f}", f"{memory:.0f}", codes)
    table.publish(not options.no_save)
    shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
