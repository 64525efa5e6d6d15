"""The last evaluations as HTML: what was measured in plain words, plots, what changed, and the questions that failed. Pure.

Drawn like the other charts (see `ui.charts`), so that they speak the page's language and follow light and dark; the
report that `copilot eval ... --report` writes is a file of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from copilot.evaluations import Change, Comparison, Evaluation, Row
from ui.charts import Line, lines_html, table_html
from ui.versions import confusion_html
from ui.words import Words

MAIN: Mapping[str, Sequence[str]] = {
    "retrieval": ("hit@1", "hit@5", "mrr"),
    "answers": ("answered", "expected", "cited", "refused", "numbers_supported"),
    "router": ("accuracy",),
}
"""The measures of each kind that are shown large, drawn by group, and looked through for failures."""

_FAILED = {"retrieval": ("hit@5",), "answers": ("answered", "expected", "cited", "refused"), "router": ("accuracy",)}
_MOST_FAILED = 30
_MOST_CHARACTERS = 240
_RUNS = 20  # evaluations of one kind in the plot of the past
_BINS = 10


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a home folder keeps: the last evaluation of each kind, the history (see `copilot.evaluations.history`), and the
    comparison with the baseline of a kind where one was saved."""

    last: Mapping[str, Evaluation]
    history: Sequence[Mapping[str, Any]] = ()
    compared: Mapping[str, Comparison] | None = None


def evaluated_html(evaluated: Evaluated, words: Words) -> str:
    """All kinds, one after the other; how to make one where there is none."""
    if not evaluated.last:
        return f'<p class="fc-note">{escape(words("evaluation.none"))}</p><p class="fc-note"><code>copilot eval answers FILE</code></p>'
    compared = evaluated.compared or {}
    return "".join(
        _kind(one, [entry for entry in evaluated.history if entry.get("kind") == kind], compared.get(kind), words)
        for kind, one in evaluated.last.items()
    )


def measure_name(measure: str, words: Words) -> str:
    """A measure in plain words; its own name where there are none ("hit@20").

    >>> from ui.words import words_for
    >>> measure_name("hit@1", words_for("en")), measure_name("recall@20", words_for("en"))
    ('First passage found is right', 'recall@20')
    """
    return words.text("evaluation", re.sub(r"\W", "_", measure), measure)


def _kind(evaluation: Evaluation, past: Sequence[Mapping[str, Any]], compared: Comparison | None, words: Words) -> str:
    kind = evaluation.kind
    count = len(evaluation.rows)
    about = words.count("evaluation.about", count, when=f"{evaluation.created_at:%Y-%m-%d %H:%M}", count=count,
                        file=evaluation.file)  # fmt: skip
    means = evaluation.means()
    shown = [measure for measure in MAIN[kind] if measure in means]
    parts = [
        _tiles(evaluation, shown, words),
        _changes(compared, words) if compared is not None else "",
        _past(past, shown, words),
        _groups(evaluation, "route", shown, words),
        _groups(evaluation, "language", shown, words),
    ]
    if kind == "router":
        parts += [_confusion(evaluation.rows, words), _calibration(evaluation.rows, words)]
    if kind == "retrieval":
        parts.append(_hit_curve(evaluation.rows, words))
    parts.append(_failures(evaluation, words))
    return (
        f'<section class="fc-panel fc-evaluation"><h3>{escape(words(f"evaluation.kind_{kind}"))}</h3>'
        f'<p class="fc-note">{escape(about)}</p>{"".join(parts)}</section>'
    )


def _tiles(evaluation: Evaluation, shown: Sequence[str], words: Words) -> str:
    means, spent = evaluation.means(), evaluation.latency_ms()
    tiles = [(percent(means[measure]), measure_name(measure, words)) for measure in shown]
    tiles += [(f"{value:.3f}", measure_name(name, words)) for name, value in evaluation.figures.items()]
    if spent:
        tiles.append((f"{spent['p50']:.0f} ms", words("evaluation.latency", p95=f"{spent['p95']:.0f}")))
    html = "".join(f"<div><dd>{escape(value)}</dd><dt>{escape(name)}</dt></div>" for value, name in tiles)
    return f'<dl class="fc-figures">{html}</dl>'


def percent(share: float) -> str:
    """ "93 %"; a tenth where that keeps it from 100.

    >>> percent(0.93), percent(0.997), percent(1.0)
    ('93 %', '99.7 %', '100 %')
    """
    return f"{100 * share:.1f} %" if 0.99 <= share < 1 else f"{100 * share:.0f} %"


def _groups(evaluation: Evaluation, key: str, shown: Sequence[str], words: Words) -> str:
    """The means of each group as bars, one plot per measure; nothing where all is one group."""
    groups = evaluation.by(key)
    if len(groups) < 2:
        return ""
    plots = []
    for measure in shown:
        rows = "".join(
            f'<li><span class="fc-name" title="{escape(label)}">{escape(label)}</span><span class="fc-bar">'
            f'<i style="width:{100 * values[measure]:.1f}%"></i></span><b>{percent(values[measure])}</b>'
            f"<small>{values['n']:.0f}</small></li>"
            for name, values in groups.items()
            if measure in values
            for label in (words.text("route" if key == "route" else "evaluation", _group_key(key, name), name),)
        )
        if rows:
            plots.append(f'<div class="fc-chart"><h4>{escape(measure_name(measure, words))}</h4><ol>{rows}</ol></div>')
    title = escape(words(f"evaluation.by_{key}"))
    return f'<details class="fc-more" open><summary>{title}</summary><div class="fc-plots">{"".join(plots)}</div></details>'


def _group_key(key: str, name: str) -> str:
    return name if key == "route" else f"language_{name}"


def _past(past: Sequence[Mapping[str, Any]], shown: Sequence[str], words: Words) -> str:
    """How the measures went over the last evaluations; nothing before there are two."""
    runs = [entry for entry in past if isinstance(entry.get("means"), Mapping)][-_RUNS:]
    if len(runs) < 2:
        return ""
    labels = [str(entry.get("created_at", ""))[:10] for entry in runs]
    lines = [
        Line(measure_name(measure, words), [_number(entry["means"].get(measure)) for entry in runs])
        for measure in shown
    ]
    return lines_html(words("evaluation.past"), labels, lines)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _hit_curve(rows: Sequence[Row], words: Words) -> str:
    """Of how many questions the right passage is among the first k."""
    ranks = [round(1 / row.values["mrr"]) if row.values.get("mrr") else None for row in rows if "mrr" in row.values]
    if not ranks:
        return ""
    most = min(50, max([10, *(rank for rank in ranks if rank)]))
    shares = [sum(rank is not None and rank <= k for rank in ranks) / len(ranks) for k in range(1, most + 1)]
    return lines_html(words("evaluation.curve"), [str(k) for k in range(1, most + 1)], [Line("", shares)])


def _calibration(rows: Sequence[Row], words: Words) -> str:
    """How often the router is right where it is that sure."""
    bins: dict[int, list[float]] = {}
    for row in rows:
        if row.confidence is not None and "accuracy" in row.values:
            bins.setdefault(min(_BINS - 1, int(row.confidence * _BINS)), []).append(row.values["accuracy"])
    if len(bins) < 2:
        return ""
    labels = [f"{100 * place // _BINS}–{100 * (place + 1) // _BINS} %" for place in sorted(bins)]
    table = [
        (label, percent(sum(bins[place]) / len(bins[place])), len(bins[place]))
        for label, place in zip(labels, sorted(bins), strict=True)
    ]
    columns = [words("evaluation.sure"), words("evaluation.right"), words("training.support")]
    return table_html(columns, table, words("evaluation.calibration"))


def _confusion(rows: Sequence[Row], words: Words) -> str:
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        of = counts.setdefault(row.expected, {})
        of[row.got] = of.get(row.got, 0) + 1
    return confusion_html(counts, words)


def _changes(compared: Comparison, words: Words) -> str:
    def said(change: Change) -> str:
        return words(f"evaluation.{'worse' if change.worse else 'better' if change.better else 'same'}")

    table = [
        (measure_name(one.measure, words), percent(one.before), percent(one.after), said(one))
        for one in compared.changes
    ]
    columns = [words("evaluation.measure"), words("evaluation.before"), words("evaluation.after"), ""]
    title = words("evaluation.against", when=f"{compared.baseline.created_at:%Y-%m-%d}", count=compared.paired)
    return table_html(columns, table, title)


def _failures(evaluation: Evaluation, words: Words) -> str:
    failed = [
        row for row in evaluation.rows if any(row.values.get(measure, 1.0) < 1 for measure in _FAILED[evaluation.kind])
    ]
    if not failed:
        return f'<p class="fc-note">{escape(words("evaluation.no_failures"))}</p>'
    rows = [
        (
            row.question,
            _cut(words.of("route", row.expected) if evaluation.kind == "router" else row.expected),
            _cut(words.of("route", row.got) if evaluation.kind == "router" else row.got),
        )
        for row in failed[:_MOST_FAILED]
    ]
    columns = [words("evaluation.question"), words("evaluation.should"), words("evaluation.came")]
    more = f'<p class="fc-note">… +{len(failed) - _MOST_FAILED}</p>' if len(failed) > _MOST_FAILED else ""
    title = escape(words.count("evaluation.failures", len(failed), count=len(failed)))
    return f'<details class="fc-more"><summary>{title}</summary>{table_html(columns, rows)}{more}</details>'


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"
