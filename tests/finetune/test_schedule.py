from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from finetune import schedule
from finetune.errors import BusyTrainingError, TrainingError
from finetune.schedule import (
    ChildTraining,
    Scheduler,
    ScheduleState,
    cron_line,
    due,
    next_due,
    parse_interval,
    read_schedule,
    remove_schedule,
    schedule_log,
    set_schedule,
    systemd_units,
    windows_task,
)
from finetune.timers import format_interval

REPOSITORY = Path(__file__).parents[2]
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEEK, DAY, HOUR, MINUTE = timedelta(days=7), timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
COMMAND = [
    "/opt/co pilot/bin/copilot",
    "finetune",
    "run",
    "--home",
    "/data/100% ours/it's $HOME",
    'say "hi"',
    "back\\",
    "数据",
    "",
]
posix = pytest.mark.skipif(os.name != "posix", reason="needs signals")


class Plant:
    """A home folder with a clock that the test moves and trainings that are only counted."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.now = START
        self.feedback = 100
        self.needed = ""
        self.runs: list[datetime] = []
        self.fail: Exception | None = None
        self.asked: list[datetime | None] = []

    def run(self) -> str:
        self.runs.append(self.now)
        if self.fail is not None:
            raise self.fail
        return "promoted v0002: better"

    def count(self, since: datetime | None) -> int:
        self.asked.append(since)
        return self.feedback

    def server(self, **kwargs) -> Scheduler:
        return Scheduler(self.home, self.run, self.count, busy=lambda: self.needed, clock=lambda: self.now, **kwargs)

    def said(self) -> list[str]:
        return [entry.decision for entry in schedule_log(self.home)]


@pytest.fixture
def plant(tmp_path) -> Plant:
    plant = Plant(tmp_path / "home")
    set_schedule(plant.home, WEEK, 50, START)
    return plant


@pytest.mark.parametrize(
    ("text", "interval"),
    [("7d", WEEK), ("12h", 12 * HOUR), ("30m", 30 * MINUTE), (" 1D 12h ", 36 * HOUR), ("2w", 2 * WEEK), ("1m", MINUTE)],
)
def test_intervals(text, interval):
    assert parse_interval(text) == interval
    assert parse_interval(format_interval(interval)) == interval


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "0d", "1.5h", "7 days", "367d", "9999999d", "7d;rm", "७x"])
def test_intervals_that_make_no_sense(text):
    with pytest.raises(TrainingError, match=r"write it as|from 1m to"):
        parse_interval(text)


# --- deciding ---


def test_a_week_passes_then_one_run(plant):
    server = plant.server()
    assert server.tick() is None
    plant.now += WEEK - MINUTE
    assert server.tick() is None and plant.runs == []
    plant.now += MINUTE
    entry = server.tick()
    assert entry is not None and entry.decision == "ran" and entry.reason == "promoted v0002: better"
    assert server.tick() is None and len(plant.runs) == 1
    plant.now += WEEK
    server.tick()
    assert len(plant.runs) == 2 and plant.asked[0] is None and plant.asked[-1] == START + WEEK
    state = read_schedule(plant.home)
    assert state is not None and state.last_run == START + 2 * WEEK and next_due(state) == START + 3 * WEEK
    assert state.last_decision == "ran: promoted v0002: better"
    assert plant.said() == ["set", "started", "ran", "started", "ran"]


def test_missed_turns_are_made_up_once_after_a_restart(plant):
    plant.now += 5 * WEEK
    plant.server().tick()
    for _ in range(3):
        plant.server().tick()
    assert plant.runs == [START + 5 * WEEK]


def test_too_little_feedback_waits_and_is_logged_once(plant):
    plant.feedback, server = 49, plant.server()
    plant.now += WEEK
    for _ in range(3):
        entry = server.tick()
        assert entry is not None and entry.decision == "skipped" and "49 of 50" in entry.reason
        plant.now += HOUR
    assert plant.said() == ["set", "skipped"] and not plant.runs
    plant.feedback = 50
    server.tick()
    assert len(plant.runs) == 1


def test_it_never_trains_while_the_machine_is_needed(plant):
    plant.needed, server = "4 questions in the last minute", plant.server()
    plant.now += WEEK
    for _ in range(100):
        server.tick()
        plant.now += MINUTE
    assert plant.runs == [] and plant.said() == ["set", "skipped"]
    assert "4 questions" in schedule_log(plant.home)[-1].reason
    plant.needed = ""
    server.tick()
    assert len(plant.runs) == 1


def test_a_run_that_fails_waits_for_its_next_turn(plant):
    plant.fail, server = TrainingError("the disk is full"), plant.server()
    plant.now += WEEK
    entry = server.tick()
    assert entry is not None and (entry.decision, entry.reason) == ("failed", "the disk is full")
    plant.now += DAY
    assert server.tick() is None
    plant.fail = None
    plant.now += 6 * DAY
    server.tick()
    assert plant.said() == ["set", "started", "failed", "started", "ran"]


def test_a_training_by_hand_is_waited_for(plant):
    plant.fail, server = BusyTrainingError("another training is running"), plant.server()
    plant.now += WEEK
    entry = server.tick()
    assert entry is not None and entry.decision == "skipped"
    plant.fail = None
    assert server.tick() is not None and len(plant.runs) == 2
    assert read_schedule(plant.home).last_run == plant.now


def test_a_run_cut_short_is_begun_again_once_and_then_left(plant):
    class Killed(BaseException):
        """The process ends here: nothing after this is run."""

    plant.now += WEEK
    for cut in (1, 2):
        plant.fail = Killed()
        with pytest.raises(Killed):
            plant.server().tick()
        state = read_schedule(plant.home)
        assert state is not None and state.attempts == cut and state.started_at == plant.now
        plant.now += MINUTE
    plant.fail = None
    entry = plant.server().tick()
    assert entry is not None and entry.decision == "failed" and "cut short 2 times" in entry.reason
    assert plant.server().tick() is None and len(plant.runs) == 2
    plant.now += WEEK
    plant.server().tick()
    assert len(plant.runs) == 3


def test_a_clock_that_was_wrong_does_not_stop_the_schedule_for_years():
    state = ScheduleState(WEEK, 0, START, last_run=START + timedelta(days=4000))
    assert due(state, START, 0).due
    assert not due(ScheduleState(WEEK, 0, START), START - MINUTE, 0).due


def test_a_schedule_is_changed_kept_and_removed(plant):
    plant.now += WEEK
    plant.server().tick()
    set_schedule(plant.home, DAY, 10, plant.now)
    state = read_schedule(plant.home)
    assert state is not None and state.last_run == plant.now and state.interval == DAY and state.min_feedback == 10
    assert remove_schedule(plant.home, plant.now) and not remove_schedule(plant.home, plant.now)
    assert read_schedule(plant.home) is None and plant.server().tick() is None
    assert plant.said()[-1] == "off"
    with pytest.raises(TrainingError, match="0 or more"):
        set_schedule(plant.home, DAY, -1, plant.now)


def test_a_schedule_changed_during_a_run_stays_changed(plant):
    plant.now += WEEK
    original = plant.run

    def run() -> str:
        set_schedule(plant.home, DAY, 1, plant.now)
        return original()

    Scheduler(plant.home, run, plant.count, busy=lambda: "", clock=lambda: plant.now).tick()
    state = read_schedule(plant.home)
    assert state is not None and state.interval == DAY and state.last_run == plant.now


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"schema": 9}', '{"schema": 1, "interval": "0d"}'])
def test_a_damaged_schedule_is_one_line_and_can_be_set_again(plant, content):
    (plant.home / "models" / "schedule.json").write_text(content)
    with pytest.raises(TrainingError, match="set it again") as raised:
        read_schedule(plant.home)
    assert "\n" not in str(raised.value)
    set_schedule(plant.home, DAY, 1, START)
    assert read_schedule(plant.home) is not None


def test_of_two_servers_on_one_home_one_trains(plant):
    plant.now += WEEK
    inner = plant.server()
    seen = []

    def run() -> str:
        seen.append(inner.tick())  # the other server looks while this one trains
        return "done"

    Scheduler(plant.home, run, plant.count, busy=lambda: "", clock=lambda: plant.now).tick()
    assert inner.tick() is None
    assert plant.runs == [] and [entry.decision for entry in seen] == ["skipped"]


def test_the_thread_trains_survives_errors_and_ends(plant):
    server = plant.server(poll_s=0.01)
    plant.feedback, plant.now = None, START + WEEK  # a count that fails
    server.start()
    wait_for(lambda: "failed" in plant.said())
    assert len([said for said in plant.said() if said == "failed"]) == 1
    plant.feedback = 60
    wait_for(lambda: "ran" in plant.said())
    server.stop()
    assert server._thread is None and len(plant.runs) == 1


# --- real processes ---


def wait_for(condition) -> None:
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_real_training_runs_with_low_priority_and_few_threads(tmp_path):
    code = (
        "import os, json, time\n"
        "time.sleep(0.3)\n"
        "print('first line')\n"
        "nice = os.getpriority(os.PRIO_PROCESS, 0) if os.name == 'posix' else 19\n"
        "print(json.dumps({'nice': nice, 'omp': os.environ['OMP_NUM_THREADS'], 'path': os.environ.get('PATH', '')}))\n"
    )
    training = ChildTraining(python(code), tmp_path / "models", threads=1, poll_s=0.05)
    told = json.loads(training())
    assert told["nice"] == 19 and told["omp"] == "1" and told["path"] == os.environ.get("PATH", "")
    assert (tmp_path / "models" / "training.out").read_text().startswith("first line")


def test_a_training_that_fails_is_told_by_its_last_line(tmp_path):
    code = "import sys; print('Traceback', file=sys.stderr); print('the disk is full', file=sys.stderr); sys.exit(1)"
    with pytest.raises(TrainingError, match="exit code 1: the disk is full"):
        ChildTraining(python(code), tmp_path, poll_s=0.05)()
    assert ChildTraining(python("import sys; print('left one out'); sys.exit(3)"), tmp_path)() == "left one out"
    assert ChildTraining(python(""), tmp_path)() == "it ended without a word"
    with pytest.raises(TrainingError, match="cannot be started"):
        ChildTraining([str(tmp_path / "no-such-program")], tmp_path)()


def test_stopping_the_server_ends_the_training_and_the_next_start_makes_it_up(plant, tmp_path):
    mark = tmp_path / "began"
    code = f"import pathlib, time; pathlib.Path({str(mark)!r}).touch(); time.sleep(600)"
    training = ChildTraining(python(code), plant.home / "models", poll_s=0.02)
    plant.now += WEEK
    server = Scheduler(plant.home, training, plant.count, busy=lambda: "", clock=lambda: plant.now, poll_s=0.01)
    server.start()
    wait_for(mark.exists)
    server.stop()
    assert plant.said() == ["set", "started", "interrupted"]
    plant.server().tick()
    assert len(plant.runs) == 1 and plant.said()[-1] == "ran"


@posix
def test_a_training_is_halted_while_operators_ask(tmp_path):
    beat = tmp_path / "beat"
    code = (
        "import pathlib, sys, time\n"
        f"beat = pathlib.Path({str(beat)!r})\n"
        "for i in range(100000):\n"
        "    with beat.open('a') as f: f.write('.')\n"
        "    if pathlib.Path(str(beat) + '.end').exists(): break\n"
        "    time.sleep(0.005)\n"
        "print('done')\n"
    )
    import threading

    asking = threading.Event()
    training = ChildTraining(python(code), tmp_path, poll_s=0.01, pause=lambda: "asked" if asking.is_set() else "")
    result: list[str] = []
    thread = threading.Thread(target=lambda: result.append(training()))
    thread.start()
    wait_for(lambda: beat.exists() and beat.stat().st_size > 3)
    asking.set()

    def still() -> bool:
        before = beat.stat().st_size
        time.sleep(0.15)
        return beat.stat().st_size == before

    wait_for(still)
    before = beat.stat().st_size
    asking.clear()
    wait_for(lambda: beat.stat().st_size > before)
    Path(f"{beat}.end").touch()
    thread.join(30)
    assert result == ["done"]


@posix
def test_a_server_that_is_killed_leaves_a_training_that_the_next_one_waits_for(plant, tmp_path):
    """The server's process dies by SIGKILL while its training goes on; no second one is begun beside it."""
    mark, end = tmp_path / "began", tmp_path / "end"
    child = (
        f"import pathlib, time; pathlib.Path({str(mark)!r}).touch()\n"
        f"while not pathlib.Path({str(end)!r}).exists(): time.sleep(0.02)\n"
    )
    code = (
        "import sys; from datetime import datetime; from pathlib import Path\n"
        "from finetune.schedule import ChildTraining, Scheduler\n"
        "home, child, now = Path(sys.argv[1]), sys.argv[2], datetime.fromisoformat(sys.argv[3])\n"
        "run = ChildTraining([sys.executable, '-c', child], home / 'models')\n"
        "Scheduler(home, run, lambda since: 100, busy=lambda: '', clock=lambda: now).tick()\n"
    )
    plant.now += WEEK
    server = subprocess.Popen(
        [sys.executable, "-c", code, str(plant.home), child, plant.now.isoformat()],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    wait_for(mark.exists)
    server.kill()
    server.wait()
    training = ChildTraining(python("print('made up')"), plant.home / "models", poll_s=0.02)
    following = Scheduler(plant.home, training, plant.count, busy=lambda: "", clock=lambda: plant.now)
    entry = following.tick()
    assert entry is not None and entry.decision == "skipped" and "still running" in entry.reason
    end.touch()

    def made_up() -> bool:
        entry = following.tick()
        return entry is not None and (entry.decision, entry.reason) == ("ran", "made up")

    wait_for(made_up)


# --- the system's own schedulers ---


def systemd_words(text: str) -> list[str]:
    """ExecStart read back by systemd's rules for double quotes, `%%` and, after the first word, `$$`."""
    line = next(line for line in text.splitlines() if line.startswith("ExecStart=")).removeprefix("ExecStart=")
    words = [re.sub(r"\\(.)", r"\1", word) for word in re.findall(r'"((?:[^"\\]|\\.)*)"', line)]
    return [
        word.replace("%%", "%") if i == 0 else word.replace("%%", "%").replace("$$", "$")
        for i, word in enumerate(words)
    ]


def test_the_systemd_units_give_the_command_back(tmp_path):
    units = systemd_units(COMMAND, WEEK, threads=2)
    service, timer = units["copilot-finetune.service"], units["copilot-finetune.timer"]
    assert systemd_words(service) == COMMAND
    assert "Nice=19" in service and "Environment=OMP_NUM_THREADS=2" in service
    assert "OnCalendar=Sun *-*-* 02:30:00\nPersistent=true" in timer
    if shutil.which("systemd-analyze"):
        units = systemd_units([sys.executable, "-c", "print('100%')"], 5 * DAY)
        for name, text in units.items():
            (tmp_path / name).write_text(text)
        checked = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in units)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        mine = [line for line in checked.stderr.splitlines() if "copilot-finetune" in line]
        assert not mine, mine


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
@pytest.mark.parametrize("interval", [WEEK, DAY, 6 * HOUR, HOUR, 20 * MINUTE, MINUTE])
def test_systemd_itself_finds_the_interval(interval):
    timer = systemd_units(["/bin/true"], interval)["copilot-finetune.timer"]
    calendar = next(line for line in timer.splitlines() if line.startswith("OnCalendar=")).removeprefix("OnCalendar=")
    ran = subprocess.run(
        ["systemd-analyze", "calendar", "--iterations=4", "--base-time=2026-06-01 00:00:00 UTC", calendar],
        capture_output=True, text=True, timeout=60, check=True, env={**os.environ, "TZ": "UTC"},
    ).stdout  # fmt: skip
    times = [
        datetime.fromisoformat(f"{found[0]}T{found[1]}")
        for found in re.findall(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC", ran)
    ]
    unique = sorted(set(times))
    assert len(unique) >= 4 and {b - a for a, b in pairwise(unique)} == {interval}


def test_intervals_without_a_calendar_count_from_the_last_run():
    for interval in (5 * DAY, 10 * HOUR, 90 * MINUTE, 2 * WEEK):
        timer = systemd_units(["/bin/true"], interval)["copilot-finetune.timer"]
        assert f"OnUnitActiveSec={int(interval.total_seconds())}s" in timer and "OnCalendar" not in timer
        assert "after a restart" in timer


def cron_minutes(fields: list[str]) -> set[int]:
    """The minutes of a week, from Sunday on, at which a line with these five fields runs."""

    def values(field: str, size: int) -> set[int]:
        if field.startswith("*"):
            return set(range(0, size, int(field[2:] or 1)))
        return {int(field)}

    minute, hour, day, month, weekday = fields
    assert (day, month) == ("*", "*")
    return {d * 1440 + h * 60 + m for d in values(weekday, 7) for h in values(hour, 24) for m in values(minute, 60)}


@pytest.mark.parametrize("interval", [WEEK, DAY, 12 * HOUR, HOUR, 30 * MINUTE, MINUTE])
def test_the_cron_line_gives_command_and_interval_back(interval):
    line = cron_line(COMMAND, interval)
    *fields, command = line.split(" ", 5)
    assert shlex.split(command.replace(r"\%", "%")) == ["nice", "-n", "19", *COMMAND]
    assert "\n" not in line and not re.search(r"(?<!\\)%", line)
    minutes = sorted(cron_minutes(fields))
    gaps = {b - a for a, b in zip(minutes, [*minutes[1:], minutes[0] + 7 * 1440], strict=True)}
    assert gaps == {interval // MINUTE}


@pytest.mark.parametrize("interval", [5 * DAY, 2 * WEEK, 10 * HOUR, 5 * HOUR, 90 * MINUTE, 25 * MINUTE, DAY + HOUR])
def test_cron_says_what_it_cannot_keep(interval):
    with pytest.raises(TrainingError, match=f"cannot run something every {format_interval(interval)}"):
        cron_line(COMMAND, interval)


def windows_words(arguments: str) -> list[str]:
    """A command line cut by the rules of Microsoft's C runtime."""
    words: list[str] = []
    current, quoted, begun, i = "", False, False, 0
    while i < len(arguments):
        letter = arguments[i]
        if letter == "\\":
            count = len(arguments[i:]) - len(arguments[i:].lstrip("\\"))
            i += count
            if i < len(arguments) and arguments[i] == '"':
                current += "\\" * (count // 2)
                if count % 2:
                    current += '"'
                    i += 1
            else:
                current += "\\" * count
            begun = True
            continue
        if letter == '"':
            quoted, begun = not quoted, True
        elif letter in " \t" and not quoted:
            if begun:
                words.append(current)
            current, begun = "", False
        else:
            current, begun = current + letter, True
        i += 1
    return [*words, current] if begun else words


@pytest.mark.parametrize(
    ("interval", "tag", "value"),
    [
        (WEEK, "DaysInterval", "7"),
        (5 * DAY, "DaysInterval", "5"),
        (10 * HOUR, "Interval", "PT600M"),
        (90 * MINUTE, "Interval", "PT90M"),
    ],
)
def test_the_windows_task_gives_command_and_interval_back(interval, tag, value):
    text = windows_task(COMMAND, interval)
    space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    root = ElementTree.fromstring(text.encode("utf-16"))
    assert [element.text for element in root.iter(f"{space}{tag}")] == [value]
    program, arguments = (next(root.iter(f"{space}{name}")).text for name in ("Command", "Arguments"))
    assert [program, *windows_words(arguments)] == COMMAND
    assert next(root.iter(f"{space}MultipleInstancesPolicy")).text == "IgnoreNew"


def test_schedules_refuse_what_they_cannot_keep():
    with pytest.raises(TrainingError, match="at most 31 days"):
        windows_task(COMMAND, 40 * DAY + HOUR)
    for make in (systemd_units, cron_line, windows_task):
        with pytest.raises(TrainingError, match="control character"):
            make(["copilot", "a\nb"], WEEK)
        with pytest.raises(TrainingError, match="empty"):
            make([], WEEK)
        with pytest.raises(TrainingError, match="02:30"):
            make(["copilot"], WEEK, at="25:00")


def test_a_load_above_the_cores_is_a_reason_to_wait(monkeypatch):
    monkeypatch.setattr(schedule.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(schedule.os, "getloadavg", lambda: (3.5, 0, 0), raising=False)
    assert schedule.machine_busy() == "load average 3.5 on 4 cores"
    assert schedule.machine_busy(most=0.9) == ""
    monkeypatch.delattr(schedule.os, "getloadavg")
    assert schedule.machine_busy() == ""
