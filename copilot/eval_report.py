"""An evaluation as one HTML file: figures, plots (SVG, drawn by matplotlib), what changed, and the questions that failed.

The file needs nothing beside it and no network, and prints on A4.
"""

from __future__ import annotations

import io
import re
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot.evaluations import Comparison, Evaluation, EvaluationError, Row, interval
from finetune.durable import write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAIN: Mapping[str, Sequence[str]] = {
    "retrieval": ("hit@1", "hit@5", "mrr"),
    "answers": ("answered", "expected", "cited", "rouge_l", "refused"),
    "router": ("accuracy",),
}
_FAILED: Mapping[str, Sequence[str]] = {
    "retrieval": ("hit@5",),
    "answers": ("answered", "expected", "cited", "refused", "citation_precision", "numbers_supported"),
    "router": ("accuracy",),
}
_MEANING = {
    "hit@1": "the first hit is right",
    "hit@5": "a right hit among the first five",
    "mrr": "1 / rank of the first right hit",
    "answered": "answerable questions that were answered",
    "expected": "answers that hold the expected words",
    "em": "exact match with the reference",
    "f1": "tokens shared with the reference",
    "rouge_l": "longest common subsequence with the reference",
    "cited": "answers that cite a right page",
    "cited_precision": "citations that name a right page",
    "refused": "unanswerable questions that were refused",
    "citation_precision": "quotes that stand verbatim in their passage",
    "numbers_supported": "answers whose every number stands in a quote",
    "accuracy": "questions that take the right route",
}
_TITLES = {"retrieval": "Retrieval", "answers": "Answers", "router": "Router"}
_COLOURS = ("#1f6f8b", "#e07a2f", "#5b8c5a", "#8e5572", "#6c757d")
_MOST_FAILURES = 200
_MOST_CHARACTERS = 600

_STYLE = """
:root { color-scheme: light; } * { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, "Noto Sans SC", "Microsoft YaHei", sans-serif; color: #1d2733; background: #fff;
       max-width: 62rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #d9dee4; }
.about { color: #5a6673; margin: .2rem 0 1.2rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .7rem; }
.tile { border: 1px solid #d9dee4; border-radius: .5rem; padding: .6rem .8rem; break-inside: avoid; }
.tile b { font-size: 1.5rem; display: block; } .tile small { color: #5a6673; display: block; line-height: 1.3; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; break-inside: avoid; max-width: 100%; }
figure svg { max-width: 100%; height: auto; } figcaption { color: #5a6673; font-size: .85rem; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th { text-align: left; border-bottom: 2px solid #b9c2cc; padding: .3rem .5rem; }
td { border-bottom: 1px solid #e6eaee; padding: .3rem .5rem; vertical-align: top; overflow-wrap: anywhere; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td.n { white-space: nowrap; } th { overflow-wrap: anywhere; vertical-align: bottom; }
tr { break-inside: avoid; } .worse { color: #b3261e; font-weight: 600; } .better { color: #2e6b34; font-weight: 600; }
.text { white-space: pre-wrap; }
@media print { body { font-size: 10.5px; margin: 0; max-width: none; padding: 0; } @page { margin: 14mm; } a { color: inherit; } }
"""


def write_report(path: Path, evaluation: Evaluation, comparison: Comparison | None = None) -> None:
    """Write the report. Raises EvaluationError when the file cannot be written."""
    try:
        write_text(path.absolute(), report(evaluation, comparison))
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written ({error.strerror or error}); name another file") from error


def report(evaluation: Evaluation, comparison: Comparison | None = None) -> str:
    """The whole HTML text."""
    title = f"{_TITLES[evaluation.kind]}: {evaluation.file}"
    versions = ", ".join(f"{name} {value}" for name, value in evaluation.versions.items())
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="about">{len(evaluation.rows)} questions, {evaluation.created_at:%Y-%m-%d %H:%M} UTC'
        f"{'<br>' + escape(versions) if versions else ''}</p>",
        _tiles(evaluation),
        *([_changes(comparison)] if comparison else []),
        f'<h2>Plots</h2><div class="plots">{"".join(_plots(evaluation, comparison))}</div>',
        _groups(evaluation, "route"),
        _groups(evaluation, "language"),
        _failures(evaluation),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


# --- figures and tables ---


def _tiles(evaluation: Evaluation) -> str:
    tiles = []
    for measure, mean in evaluation.means().items():
        values = [row.values[measure] for row in evaluation.rows if measure in row.values]
        low, high = interval(values)
        meaning = f"<small>{escape(_MEANING[measure])}</small>" if measure in _MEANING else ""
        tiles.append(
            f'<div class="tile">{escape(measure)}<b>{100 * mean:.1f}</b>'
            f"<small>{100 * low:.1f} – {100 * high:.1f}, n = {len(values)}</small>{meaning}</div>"
        )
    tiles += [f'<div class="tile">{escape(name)}<b>{value:.3f}</b></div>' for name, value in evaluation.figures.items()]
    if spent := evaluation.latency_ms():
        tiles.append(
            f'<div class="tile">latency<b>{spent["p50"]:.0f} ms</b><small>p95 {spent["p95"]:.0f} ms</small></div>'
        )
    note = '<p class="about">Percentages with 95 % bootstrap intervals over questions.</p>'
    return f'<div class="tiles">{"".join(tiles)}</div>{note}'


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Cells are HTML already; `numbers` are the columns set to the right."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}{' class=n' if i in numbers else ''}>{cell}</{tag}>" for i, cell in enumerate(cells))

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table><thead><tr>{line(heads, 'th')}</tr></thead><tbody>{body}</tbody></table>"


def _groups(evaluation: Evaluation, key: str) -> str:
    groups = evaluation.by(key)
    if len(groups) < 2:
        return ""
    measures = evaluation.measures()
    rows = [
        [escape(name), f"{values['n']:.0f}", *(f"{100 * values[m]:.1f}" if m in values else "–" for m in measures)]
        for name, values in groups.items()
    ]
    return f"<h2>By {key}</h2>" + _table([key, "n", *map(escape, measures)], rows, range(1, len(measures) + 2))


def _changes(comparison: Comparison) -> str:
    base = comparison.baseline
    rows = []
    for c in comparison.changes:
        said = "worse" if c.worse else "better" if c.better else ""
        rows.append([
            escape(c.measure), f"{100 * c.before:.1f}", f"{100 * c.after:.1f}", f"{100 * (c.after - c.before):+.1f}",
            f"{100 * c.low:+.1f} to {100 * c.high:+.1f}", f'<span class="{said}">{said}</span>',
        ])  # fmt: skip
    heads = ["measure", "before", "after", "difference", "95 % interval", ""]
    about = (
        f'<p class="about">Baseline of {base.created_at:%Y-%m-%d %H:%M} UTC ({escape(base.file)}); {comparison.paired} questions '
        f"are in both, {comparison.alone} in one only. Worse and better: the paired bootstrap interval leaves out 0.</p>"
    )
    return f"<h2>Against the baseline</h2>{about}" + _table(heads, rows, range(1, 5))


def _failures(evaluation: Evaluation) -> str:
    failed = [(row, [m for m in _FAILED[evaluation.kind] if row.values.get(m, 1.0) < 1]) for row in evaluation.rows]
    failed = [(row, measures) for row, measures in failed if measures]
    if not failed:
        return "<h2>Failures</h2><p>None.</p>"
    rows = [
        [
            escape(row.id), escape(", ".join(measures)), f'<span class="text">{_cut(row.question)}</span>',
            f'<span class="text">{_cut(row.expected)}</span>', f'<span class="text">{_cut(row.got)}</span>',
        ]
        for row, measures in failed[:_MOST_FAILURES]
    ]  # fmt: skip
    more = f'<p class="about">The first {_MOST_FAILURES} of {len(failed)}.</p>' if len(failed) > _MOST_FAILURES else ""
    return f"<h2>Failures: {len(failed)}</h2>{more}" + _table(["id", "failed in", "question", "expected", "got"], rows)


def _cut(text: str) -> str:
    return escape(text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…")


# --- plots ---


def _plots(evaluation: Evaluation, comparison: Comparison | None) -> list[str]:
    rows = evaluation.rows
    plots = [
        _figure(lambda axes: _bars(axes, evaluation), "Means by route with 95 % intervals.", _bars_height(evaluation))
    ]
    if evaluation.kind == "retrieval":
        plots.append(
            _figure(lambda axes: _hit_curve(axes, rows), "Share of questions with a right hit among the first k.")
        )
    if evaluation.kind == "answers" and any("rouge_l" in row.values for row in rows):
        plots.append(_figure(lambda axes: _likeness(axes, rows), "Likeness of answers to their references."))
    if evaluation.kind == "router":
        labels = sorted({row.expected for row in rows} | {row.got for row in rows})
        side = 2.2 + 0.32 * len(labels)
        plots.append(
            _figure(
                lambda axes: _confusion(axes, rows, labels),
                "Rows: the right route; columns: the router's.",
                side,
                side + 0.6,
            )
        )
        plots.append(
            _figure(
                lambda axes: _reliability(axes, rows), "Confidence against accuracy; the line is perfect calibration."
            )
        )
    if comparison and comparison.changes:
        height = 1.1 + 0.28 * len(comparison.changes)
        plots.append(_figure(lambda axes: _forest(axes, comparison), "Change since the baseline, in points.", height))
    if any(row.ms is not None for row in rows):
        plots.append(_figure(lambda axes: _latency(axes, rows), "Time per question."))
    return plots


def _figure(draw: Callable[[Axes], None], caption: str, height: float = 2.9, width: float = 4.7) -> str:
    """One plot as inline SVG; the same data give the same text."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    with warnings.catch_warnings(), matplotlib.rc_context({
        "svg.fonttype": "none", "svg.hashsalt": "copilot", "font.size": 8.5, "axes.spines.top": False, "axes.spines.right": False,
        "font.family": "sans-serif", "axes.edgecolor": "#8a949e", "xtick.color": "#3c4650", "ytick.color": "#3c4650",
    }):  # fmt: skip
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.subplots())
        out = io.StringIO()
        # Text stays text, so it is the reader's fonts that must know Chinese, not matplotlib's.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    salt = f"p{zlib.crc32(caption.encode())}"  # ids of two plots must not meet on one page
    svg = re.sub(r'id="([^"]+)"', rf'id="{salt}\1"', svg[svg.index("<svg") :])
    svg = re.sub(r"(url\(#|href=\"#)", rf"\1{salt}", svg)
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def _bars_height(evaluation: Evaluation) -> float:
    shown = [m for m in _MAIN[evaluation.kind] if m in evaluation.measures()]
    return 1.0 + 0.17 * (len(evaluation.by("route")) + 1) * max(1, len(shown))


def _bars(axes: Axes, evaluation: Evaluation) -> None:
    shown = [m for m in _MAIN[evaluation.kind] if m in evaluation.measures()]
    groups: list[tuple[str, Sequence[Row]]] = [
        (name, [row for row in evaluation.rows if row.route == name]) for name in sorted(evaluation.by("route"))
    ]
    if len(groups) > 1:
        groups.insert(0, ("all", evaluation.rows))
    thick = 0.8 / max(1, len(shown))
    for place, measure in enumerate(shown):
        heights, means, errors = [], [], []
        for at, (_, rows) in enumerate(groups):
            values = [row.values[measure] for row in rows if measure in row.values]
            if values:
                mean = float(np.mean(values))
                low, high = interval(values)
                heights.append(at + (place - (len(shown) - 1) / 2) * thick)
                means.append(100 * mean)
                errors.append((max(0.0, 100 * (mean - low)), max(0.0, 100 * (high - mean))))
        axes.barh(heights, means, thick * 0.92, color=_COLOURS[place % len(_COLOURS)], label=measure,
                  xerr=np.array(errors).T if errors else None, error_kw={"elinewidth": 0.7, "ecolor": "#30363c"})  # fmt: skip
    axes.set_yticks(range(len(groups)), [f"{_plain(name)} ({len(rows)})" for name, rows in groups])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("%")
    if len(shown) > 1:
        axes.legend(
            fontsize=7.5, frameon=False, ncols=min(3, len(shown)), loc="lower center", bbox_to_anchor=(0.5, 1.0)
        )


def _hit_curve(axes: Axes, rows: Sequence[Row]) -> None:
    ranks = [round(1 / row.values["mrr"]) if row.values["mrr"] else None for row in rows]
    most = max([10, *(rank for rank in ranks if rank)])
    ks = range(1, most + 1)
    axes.plot(
        ks,
        [100 * np.mean([rank is not None and rank <= k for rank in ranks]) for k in ks],
        marker="o",
        ms=3,
        color=_COLOURS[0],
    )
    axes.set_xlabel("k")
    axes.set_ylabel("hit@k, %")
    axes.set_ylim(0, 102)
    axes.grid(alpha=0.25)


def _likeness(axes: Axes, rows: Sequence[Row]) -> None:
    for place, measure in enumerate(("rouge_l", "f1")):
        values = sorted(row.values[measure] for row in rows if measure in row.values)
        axes.step(
            values,
            100 * (1 - np.arange(len(values)) / max(1, len(values))),
            where="post",
            color=_COLOURS[place],
            label=measure,
        )
    axes.set_xlabel("at least")
    axes.set_ylabel("share of answers, %")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 102)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, frameon=False)


def _confusion(axes: Axes, rows: Sequence[Row], labels: Sequence[str]) -> None:
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    for row in rows:
        counts[labels.index(row.expected), labels.index(row.got)] += 1
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=0.5)
    for i, j in zip(*np.nonzero(counts), strict=True):
        axes.text(
            j + 0.5,
            i + 0.5,
            str(counts[i, j]),
            ha="center",
            va="center",
            fontsize=7,
            color="white" if shares[i, j] > 0.6 else "#1d2733",
        )
    names = [_plain(label) for label in labels]
    axes.set_xticks(np.arange(len(labels)) + 0.5, names, rotation=45, ha="right", fontsize=7)
    axes.set_yticks(np.arange(len(labels)) + 0.5, names, fontsize=7)
    axes.invert_yaxis()


def _reliability(axes: Axes, rows: Sequence[Row]) -> None:
    sure = np.array([row.confidence or 0.0 for row in rows])
    right = np.array([row.values["accuracy"] for row in rows])
    bins = np.minimum((sure * 10).astype(int), 9)
    there = [one for one in range(10) if (bins == one).any()]
    x, y = [sure[bins == one].mean() for one in there], [right[bins == one].mean() for one in there]
    axes.plot([0, 1], [0, 1], color="#b9c2cc", lw=1)
    axes.scatter(x, y, s=[12 + 200 * (bins == one).mean() for one in there], color=_COLOURS[0], alpha=0.8)
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy")
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.03)
    axes.grid(alpha=0.25)


def _forest(axes: Axes, comparison: Comparison) -> None:
    for place, c in enumerate(comparison.changes):
        colour = "#b3261e" if c.worse else "#2e6b34" if c.better else "#6c757d"
        axes.plot([100 * c.low, 100 * c.high], [place, place], color=colour, lw=1.6)
        axes.plot([100 * (c.after - c.before)], [place], "o", color=colour, ms=4)
    axes.axvline(0, color="#8a949e", lw=0.8)
    axes.set_yticks(range(len(comparison.changes)), [c.measure for c in comparison.changes])
    axes.invert_yaxis()
    axes.set_xlabel("points")


def _latency(axes: Axes, rows: Sequence[Row]) -> None:
    spent = [row.ms for row in rows if row.ms is not None]
    axes.hist(spent, bins=min(30, max(5, len(spent) // 3)), color=_COLOURS[0])
    axes.set_xlabel("ms")
    axes.set_ylabel("questions")


def _plain(text: Any) -> str:
    """A label without the signs that matplotlib would read as mathematics."""
    return str(text).replace("$", r"\$")
