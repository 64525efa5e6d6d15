"""Charts of fault reports as HTML and SVG in the page's own colours and fonts. Pure; nothing is loaded.

Drawn here and not by a plotting library: bars that are text and boxes follow light and dark, enlarge without blur, show
Chinese in whatever font the browser has, and are read out by a screen reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from ui.words import Words

_TOP = 12


class Bar(NamedTuple):
    """One line of a Pareto: what was recorded and, apart, what was predicted."""

    name: str
    recorded: int
    predicted: int = 0

    @property
    def both(self) -> int:
        """The length of the bar."""
        return self.recorded + self.predicted


def pareto_html(title: str, bars: Sequence[Bar], words: Words, most: int = _TOP) -> str:
    """A Pareto: bars by number of reports, each with its count and the share that it and those above it make up."""
    ordered = sorted((bar for bar in bars if bar.both), key=lambda bar: (-bar.both, bar.name))
    if not ordered:
        return ""
    total, longest = sum(bar.both for bar in ordered), ordered[0].both
    together, rows = 0, []
    for bar in ordered[:most]:
        together += bar.both
        share = round(100 * together / total)
        predicted = (
            f'<i class="fc-predicted" style="width:{100 * bar.predicted / longest:.1f}%"></i>' if bar.predicted else ""
        )
        count = f"{bar.recorded} + {bar.predicted}" if bar.predicted else str(bar.recorded)
        rows.append(
            f'<li><span class="fc-name" title="{escape(bar.name)}">{escape(bar.name)}</span>'
            f'<span class="fc-bar"><i style="width:{100 * bar.recorded / longest:.1f}%"></i>{predicted}</span>'
            f'<b>{count}</b><small title="{escape(words("faults.cumulative"))}">{share} %</small></li>'
        )
    more = f'<p class="fc-note">… +{len(ordered) - most}</p>' if len(ordered) > most else ""
    key = ""
    if any(bar.predicted for bar in ordered):
        key = (
            f'<p class="fc-key"><i></i>{escape(words("faults.recorded"))} '
            f'<i class="fc-predicted"></i>{escape(words("faults.predicted"))}</p>'
        )
    return f'<section class="fc-panel fc-chart"><h3>{escape(title)}</h3>{key}<ol>{"".join(rows)}</ol>{more}</section>'


class Week(NamedTuple):
    """Reports of the week that begins on `monday`, ISO 8601."""

    monday: str
    reports: int


def trend_html(
    title: str, weeks: Sequence[Week], risen: Sequence[str] = (), width: int = 960, height: int = 190
) -> str:
    """Reports a week as columns with their mean over eight weeks; weeks in `risen` (their mondays) stand out."""
    if not weeks:
        return ""
    highest = max(1, max(week.reports for week in weeks))
    left, bottom, top = 34, 24, 10
    room, tall = width - left - 6, height - bottom - top
    step = room / len(weeks)

    def y(value: float) -> float:
        return top + tall * (1 - value / highest)

    columns = "".join(
        f'<rect class="{"fc-risen" if week.monday in risen else "fc-column"}" x="{left + place * step + step * 0.12:.1f}" '
        f'y="{y(week.reports):.1f}" width="{max(1.0, step * 0.76):.1f}" height="{max(0.0, top + tall - y(week.reports)):.1f}">'
        f"<title>{escape(week.monday)}: {week.reports}</title></rect>"
        for place, week in enumerate(weeks)
    )
    means = [
        sum(one.reports for one in weeks[max(0, place - 7) : place + 1]) / len(weeks[max(0, place - 7) : place + 1])
        for place in range(len(weeks))
    ]
    line = " ".join(f"{left + place * step + step / 2:.1f},{y(mean):.1f}" for place, mean in enumerate(means))
    scale = "".join(
        f'<line class="fc-rule" x1="{left}" x2="{width - 6}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        f'<text x="{left - 6}" y="{y(value) + 5:.1f}" text-anchor="end">{value}</text>'
        for value in _ticks(highest)
    )
    every = max(1, len(weeks) // 6)
    dates = "".join(
        f'<text x="{left + place * step + step / 2:.1f}" y="{height - 5}" text-anchor="middle">{escape(week.monday[:7])}</text>'
        for place, week in enumerate(weeks)
        if place % every == every // 2
    )
    return (
        f'<section class="fc-panel fc-chart"><h3>{escape(title)}</h3><svg class="fc-trend" role="img" aria-label="{escape(title)}" '
        f'viewBox="0 0 {width} {height}">{scale}{columns}<polyline points="{line}"/>{dates}</svg></section>'
    )


class Line(NamedTuple):
    """A line of shares, 0..1, one for each label; None leaves a gap."""

    name: str
    shares: Sequence[float | None]


def lines_html(title: str, labels: Sequence[str], lines: Sequence[Line], width: int = 960, height: int = 210) -> str:
    """Shares as lines over labels, from 0 to 100 %, each with a key by colour and dash."""
    if not labels or not lines:
        return ""
    left, bottom, top = 52, 26, 12
    room, tall = width - left - 24, height - bottom - top
    step = room / max(1, len(labels) - 1)

    def at(place: int, share: float) -> tuple[float, float]:
        return left + place * step, top + tall * (1 - min(1.0, max(0.0, share)))

    drawn = []
    for number, line in enumerate(lines):
        points = [(place, share) for place, share in enumerate(line.shares) if share is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(place, share) for place, share in points))
        dots = "".join(
            f'<circle cx="{at(place, share)[0]:.1f}" cy="{at(place, share)[1]:.1f}" r="4">'
            f"<title>{escape(f'{line.name} {labels[place]}'.strip())}: {100 * share:.1f} %</title></circle>"
            for place, share in points
        )
        drawn.append(f'<g class="fc-line-{number % 5}"><polyline points="{path}"/>{dots}</g>')
    scale = "".join(
        f'<line class="fc-rule" x1="{left}" x2="{width - 24}" y1="{at(0, share)[1]:.1f}" y2="{at(0, share)[1]:.1f}"/>'
        f'<text x="{left - 6}" y="{at(0, share)[1] + 5:.1f}" text-anchor="end">{100 * share:.0f} %</text>'
        for share in (0.0, 0.5, 1.0)
    )
    every = max(1, -(-len(labels) // 10))
    below = "".join(
        f'<text x="{at(place, 0)[0]:.1f}" y="{height - 6}" text-anchor="{"end" if place == len(labels) - 1 else "middle"}">'
        f"{escape(label)}</text>"
        for place, label in enumerate(labels)
        if place % every == 0
    )
    keys = "".join(
        f'<span class="fc-line-{number % 5}"><i></i>{escape(line.name)}</span>'
        for number, line in enumerate(lines)
        if line.name
    )
    key = f'<p class="fc-key fc-line-key">{keys}</p>' if keys else ""
    return (
        f'<div class="fc-chart"><h4>{escape(title)}</h4>{key}<svg class="fc-trend fc-lines" role="img" '
        f'aria-label="{escape(title)}" viewBox="0 0 {width} {height}">{scale}{"".join(drawn)}{below}</svg></div>'
    )


def figures_html(figures: Sequence[tuple[str, str]]) -> str:
    """Names and values as large figures side by side."""
    tiles = "".join(f"<div><dd>{escape(value)}</dd><dt>{escape(name)}</dt></div>" for name, value in figures)
    return f'<dl class="fc-figures">{tiles}</dl>'


def table_html(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> str:
    """A table; on a narrow screen each row becomes a card of "column: value". None is left empty."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{escape(column)}">{escape(_shown(value))}</td>'
            for column, value in zip(columns, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    return (
        f'<section class="fc-panel">{heading}<div class="fc-scroll"><table class="fc-table fc-stack"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _ticks(highest: int) -> list[int]:
    step = max(1, -(-highest // 4))
    return list(range(0, highest + 1, step))
