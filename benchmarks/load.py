"""How `copilot serve` holds up: 50 operators ask while it indexes and trains.

    python -m benchmarks load [--minutes 10] [--operators 50] [--every 30] [--quiet] [--no-save]

A server process over the sample plant, page included. Each operator, with a token of their own, asks a question of the
plant every 30 s as a stream; meanwhile the plant is indexed anew again and again and the router is fine-tuned
(`--quiet` leaves both out). Times are the client's: first byte of the body, and the whole answer. Questions and their
order come from the seed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common import CACHE, HERE, SEED, Table
from copilot.sample_plant import plant_folder

PASSWORD = "for this measurement"
_SAMPLE_S = 5.0


@dataclass
class Run:
    """What was seen of one run. Times are seconds, memory MB."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    indexed: int = 0
    trained: str = "left out"
    page_s: float = 0.0
    ready_s: float = 0.0


def prepare(operators: int) -> tuple[Path, list[str], str]:
    """A home with the sample plant and users: (home, the operators' tokens, an engineer's token)."""
    from copilot.users import FILE, Users

    home = CACHE / "homes" / "load"
    shutil.rmtree(home, ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, "-m", "copilot.cli", "index", str(plant_folder()), "--home", str(home)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    users = Users(home / FILE)
    users.add("engineer", "engineer", PASSWORD)
    tokens = []
    for number in range(operators):
        users.add(f"operator{number}", "operator", PASSWORD)
        tokens.append(users.make_token(f"operator{number}"))
    engineer = users.make_token("engineer")
    users.close()
    return home, tokens, engineer


def start(home: Path) -> tuple[subprocess.Popen[str], str, float]:
    """The server: (process, its address, when it was started)."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "copilot.cli", "serve", "--home", str(home), "--port", "0"],
        stdout=subprocess.PIPE, stderr=None, text=True, cwd=HERE.parent, env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://\S+:\d+", line)
    if found is None:
        raise SystemExit(f"the server did not start: {line!r}")
    return process, found[0], began


async def until(client: Any, path: str, began: float, headers: dict[str, str]) -> float:
    """Seconds from the start to the first success of a path."""
    import httpx

    while time.perf_counter() - began < 120:
        try:
            answered = await client.get(path, headers=headers)
            if answered.status_code == 200:
                return time.perf_counter() - began
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.05)
    raise SystemExit(f"{path} was not there within two minutes")


async def operate(
    client: Any, token: str, questions: Sequence[Any], every: float, end: float, rng: Any, run: Run
) -> None:
    """One operator, from a random moment within the first interval on."""
    await asyncio.sleep(rng.uniform(0, every))
    while (begun := time.perf_counter()) < end:
        asked = rng.choice(questions)
        body = {"question": asked["question"], "machine": asked.get("machine"), "stream": True}
        try:
            first, text = 0.0, ""
            async with client.stream("POST", "/api/ask", json=body, headers=bearer(token)) as answered:
                async for part in answered.aiter_text():
                    first = first or time.perf_counter() - begun
                    text += part
            if answered.status_code != 200:
                run.errors[f"status {answered.status_code}"] += 1
            elif "event: answer" not in text:
                run.errors["no answer in the stream"] += 1
            else:
                run.first.append(first)
                run.whole.append(time.perf_counter() - begun)
        except Exception as error:
            run.errors[type(error).__name__] += 1
        await asyncio.sleep(max(0.0, begun + every - time.perf_counter()))


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}


async def reindex(client: Any, engineer: str, end: float, run: Run) -> None:
    """Index everything anew, again and again."""
    while time.perf_counter() < end:
        job = (await client.post("/api/documents/index?rebuild=true", headers=bearer(engineer))).json()["job"]
        while time.perf_counter() < end:
            await asyncio.sleep(1)
            state = (await client.get(f"/api/jobs/{job}", headers=bearer(engineer))).json()
            if state["finished_at"]:
                run.indexed += state["state"] == "done"
                if state["state"] != "done":
                    run.errors[f"indexing: {state['error']}"] += 1
                break


async def train(client: Any, engineer: str, end: float, run: Run) -> None:
    """Fine-tune the router once."""
    job = (await client.post("/api/train", json={"task": "router"}, headers=bearer(engineer))).json()["job"]
    while time.perf_counter() < end:
        await asyncio.sleep(2)
        state = (await client.get(f"/api/jobs/{job}", headers=bearer(engineer))).json()
        run.trained = state["state"] if state["state"] != "failed" else f"failed: {state['error']}"
        if state["finished_at"]:
            return


async def watch_memory(pid: int, end: float, run: Run) -> None:
    """The server's resident memory, every few seconds."""
    status = Path(f"/proc/{pid}/status")
    while time.perf_counter() < end and status.exists():
        found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text())
        run.memory.append(int(found[1]) * 1024 / 1e6 if found else 0.0)
        await asyncio.sleep(_SAMPLE_S)


async def measure(
    options: argparse.Namespace, process: Any, address: str, began: float, tokens: list[str], engineer: str
) -> Run:
    """One run, from the start of the server to the last answer."""
    import httpx

    questions = [
        json.loads(line)
        for line in (plant_folder().parent / "questions.jsonl").read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    run = Run()
    limits = httpx.Limits(max_connections=options.operators + 10, max_keepalive_connections=options.operators + 10)
    async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits, trust_env=False) as client:
        run.page_s = await until(client, "/", began, bearer(engineer))
        run.ready_s = await until(client, "/api/ready", began, bearer(engineer))
        end = time.perf_counter() + 60 * options.minutes
        operators = [
            operate(client, token, questions, options.every, end, random.Random(f"{SEED}-{number}"), run)
            for number, token in enumerate(tokens)
        ]
        beside = [watch_memory(process.pid, end, run)]
        if not options.quiet:
            beside += [reindex(client, engineer, end, run), train(client, engineer, end, run)]
        await asyncio.gather(*operators, *beside)
    return run


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks load", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--operators", type=int, default=50)
    parser.add_argument("--every", type=float, default=30, help="seconds between an operator's questions")
    parser.add_argument("--quiet", action="store_true", help="neither index nor train meanwhile")
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args(arguments)
    home, tokens, engineer = prepare(options.operators)
    process, address, began = start(home)
    try:
        run = asyncio.run(measure(options, process, address, began, tokens, engineer))
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(60)
    beside = "nothing beside" if options.quiet else "while the plant is indexed and the router fine-tuned"
    table = Table(
        "load", "quiet" if options.quiet else "busy",
        f"copilot serve, {options.operators} operators, a question every {options.every:g} s each, {options.minutes:g} min, {beside}",
        ["measure", "asked", "measured"],
    )  # fmt: skip
    table.add("answers", "", len(run.whole))
    table.add("errors", "none", dict(run.errors) or "none")
    if run.whole:
        for name, values, most in (("first byte", run.first, 1.0), ("whole answer", run.whole, 2.0)):
            p50, p95 = (
                statistics.median(values),
                statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0],
            )
            table.add(f"{name}, p50 / p95 / max", f"p95 ≤ {most:g} s", f"{p50:.2f} / {p95:.2f} / {max(values):.2f} s")
    third = max(1, len(run.memory) // 3)
    early, late = statistics.median(run.memory[:third]), statistics.median(run.memory[-third:])
    table.add(
        "memory of the server: first third, last third, peak",
        "flat",
        f"{early:.0f}, {late:.0f}, {max(run.memory):.0f} MB",
    )
    table.add("start to a page / to the first answer at once", "page ≤ 8 s", f"{run.page_s:.1f} / {run.ready_s:.1f} s")
    table.add("indexed meanwhile; fine-tuning at the end", "", f"{run.indexed} times; {run.trained}")
    table.add("exit code of the server after SIGINT", "0", code)
    if hasattr(os, "nice"):
        table.notes.append(
            f"server and clients ran at nice {os.nice(0)}, indexing and training at 19; other work shared the machine as its load says"
        )
    table.publish(not options.no_save)


if __name__ == "__main__":
    main()
