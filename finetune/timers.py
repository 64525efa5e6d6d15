"""The schedule for those who let the system's own scheduler do it: systemd, cron, the Windows task scheduler.

Each takes the command as a list of arguments and gives text to be installed as it is, quoted by that system's rules.
An interval that the system cannot keep exactly is refused, with what it can.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from datetime import timedelta
from xml.sax.saxutils import escape

from finetune.errors import TrainingError

UNIT = "copilot-finetune"
_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
_AT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def systemd_units(
    command: Sequence[str], interval: timedelta, *, at: str = "02:30", threads: int = 1
) -> dict[str, str]:
    """File name -> text of a service and a timer, for `~/.config/systemd/user` or `/etc/systemd/system`.

    1 and 7 days, hours that divide a day and minutes that divide an hour go by the calendar (days at the time `at`),
    and a run missed while the machine was off is made up once. Other intervals count from the last run and from boot (or from when the timer was enabled).
    """
    _checked(command)
    calendar = _calendar(interval, at)
    if calendar is not None:
        when = f"OnCalendar={calendar}\nPersistent=true"
    else:
        seconds = int(interval.total_seconds())
        when = (
            "# The calendar has no such interval, so it counts from the last run; after a restart it counts anew.\n"
            f"OnActiveSec={seconds}s\nOnUnitActiveSec={seconds}s"
        )
    service = f"""[Unit]
Description=Fine-tune the factory copilot on its operators' feedback

[Service]
Type=oneshot
ExecStart={" ".join(_systemd_word(word, first=place == 0) for place, word in enumerate(command))}
Nice=19
CPUSchedulingPolicy=idle
IOSchedulingClass=idle
{chr(10).join(f"Environment={name}={value}" for name, value in thread_limits(threads).items())}
"""
    timer = f"""[Unit]
Description=Fine-tune the factory copilot every {format_interval(interval)}

[Timer]
{when}
AccuracySec=1min

[Install]
WantedBy=timers.target
"""
    return {f"{UNIT}.service": service, f"{UNIT}.timer": timer}


def cron_line(command: Sequence[str], interval: timedelta, *, at: str = "02:30") -> str:
    """One line for `crontab -e`. Raises TrainingError for an interval that cron cannot keep."""
    _checked(command)
    hour, minute = _time(at)
    if interval == 7 * _DAY:
        fields = f"{minute} {hour} * * 0"
    elif interval == _DAY:
        fields = f"{minute} {hour} * * *"
    elif _divides(interval, _DAY, _HOUR):
        fields = f"0 */{interval // _HOUR} * * *" if interval > _HOUR else "0 * * * *"
    elif _divides(interval, _HOUR, _MINUTE):
        fields = f"*/{interval // _MINUTE} * * * *" if interval > _MINUTE else "* * * * *"
    else:
        raise TrainingError(
            f"cron cannot run something every {format_interval(interval)}; it can every 1d or 7d, every 1h, 2h, 3h, 4h, 6h, 8h "
            f"or 12h, and every number of minutes that divides an hour: choose one of these, or use `copilot serve`"
        )
    # In a crontab a percent sign is a line break.
    return f"{fields} nice -n 19 {shlex.join(command)}".replace("%", r"\%")


def windows_task(command: Sequence[str], interval: timedelta, *, at: str = "02:30") -> str:
    """A task as XML, for `schtasks /Create /TN copilot-finetune /XML FILE` (save it as UTF-16).

    Whole days up to 365 and any other interval up to 31 days are kept exactly; a missed run is made up once. Raises
    TrainingError for longer ones.
    """
    _checked(command)
    _time(at)
    start = f"<StartBoundary>2024-01-07T{at}:00</StartBoundary>"
    if interval % _DAY == timedelta(0) and interval <= 365 * _DAY:
        trigger = (
            f"<CalendarTrigger>{start}<ScheduleByDay><DaysInterval>{interval // _DAY}</DaysInterval></ScheduleByDay>"
            "</CalendarTrigger>"
        )
    elif interval <= 31 * _DAY:
        minutes = interval // _MINUTE
        trigger = (
            f"<TimeTrigger><Repetition><Interval>PT{minutes}M</Interval></Repetition>{start}</TimeTrigger>"
        )  # fmt: skip
    else:
        raise TrainingError(
            f"The Windows task scheduler cannot run something every {format_interval(interval)}; give whole days up to 365, or "
            f"at most 31 days"
        )
    return f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>Fine-tune the factory copilot on its operators' feedback</Description></RegistrationInfo>
  <Triggers>{trigger}</Triggers>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>true</DisallowStartIfOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <ExecutionTimeLimit>PT12H</ExecutionTimeLimit>
    <Priority>8</Priority>
  </Settings>
  <Actions>
    <Exec>
      <Command>{escape(command[0])}</Command>
      <Arguments>{escape(subprocess.list2cmdline(command[1:]))}</Arguments>
    </Exec>
  </Actions>
</Task>
"""


def thread_limits(threads: int) -> Mapping[str, str]:
    """The environment variables by which numerical libraries are told how many threads to use."""
    names = (
        "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
        "RAYON_NUM_THREADS",
    )  # fmt: skip
    return dict.fromkeys(names, str(threads)) | {"TOKENIZERS_PARALLELISM": "false"}


def _calendar(interval: timedelta, at: str) -> str | None:
    """The interval as a systemd calendar event, or None if there is none."""
    _time(at)
    if interval == 7 * _DAY:
        return f"Sun *-*-* {at}:00"
    if interval == _DAY:
        return f"*-*-* {at}:00"
    if _divides(interval, _DAY, _HOUR):
        return f"*-*-* 00/{interval // _HOUR}:00:00"
    if _divides(interval, _HOUR, _MINUTE):
        return f"*-*-* *:00/{interval // _MINUTE}:00"
    return None


def _divides(interval: timedelta, whole: timedelta, unit: timedelta) -> bool:
    return unit <= interval < whole and interval % unit == timedelta(0) and whole % interval == timedelta(0)


def _systemd_word(word: str, *, first: bool) -> str:
    """One argument of ExecStart: C escapes in double quotes, `%` doubled, and `$` too except in the program's path."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text if first else text.replace("$", "$$")}"'


def _checked(command: Sequence[str]) -> None:
    if not command:
        raise TrainingError("The command to be scheduled is empty; give the program and its arguments")
    for word in command:
        if any(ord(letter) < 32 or ord(letter) == 127 for letter in word):
            raise TrainingError(
                f"The argument {word!r} holds a control character, which no schedule can keep; rename it"
            )


def _time(at: str) -> tuple[int, int]:
    found = _AT.fullmatch(at)
    if found is None:
        raise TrainingError(f"The time {at!r} makes no sense; write it as 02:30")
    return int(found.group(1)), int(found.group(2))


def format_interval(interval: timedelta) -> str:
    """The interval as `parse_interval` reads it: 7d, 12h, 1d12h."""
    minutes = interval // _MINUTE
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0m"


def parse_interval(text: str) -> timedelta:
    """ "7d", "12h", "30m", "2w" or a sum such as "1d12h". Raises TrainingError below a minute or above a year."""
    cleaned = text.strip().lower()
    if not re.fullmatch(r"(\d{1,6}\s*[wdhm]\s*)+", cleaned):
        raise TrainingError(f"The interval {text!r} makes no sense; write it as 7d, 12h or 30m")
    units = {"w": 7 * _DAY, "d": _DAY, "h": _HOUR, "m": _MINUTE}
    interval = sum((int(n) * units[u] for n, u in re.findall(r"(\d+)\s*([wdhm])", cleaned)), timedelta(0))
    if not _MINUTE <= interval <= 366 * _DAY:
        raise TrainingError(f"The interval {text!r} is out of range; it must be from 1m to 366d")
    return interval
