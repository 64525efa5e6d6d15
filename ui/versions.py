"""Feedback to review and model versions as HTML. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ui.charts import table_html
from ui.words import Words

if TYPE_CHECKING:
    from finetune.registry import VersionInfo
    from finetune.review import Stored

_VERSIONS = 5  # of a task


def feedback_html(waiting: Sequence[tuple[Stored, bool]], routes: Sequence[str], words: Words) -> str:
    """Entries with what can be decided on them: right as said, another route, drop."""
    if not waiting:
        return f'<p class="fc-note">{escape(words("training.review_none"))}</p>'
    rows = []
    for stored, contradicted in waiting:
        said, entry = stored.feedback, escape(stored.id)
        facts = [words("training.says", what=words.of("training", f"said_{said.verdict.value}"))]
        if said.corrected_route:
            facts.append(words("training.to_route", route=words.of("route", said.corrected_route)))
        if contradicted:
            facts.append(words("training.contradicted"))
        chips = f'<span class="fc-chip">{escape(words("answer.route"))}: <b>{escape(words.of("route", said.route))}</b></span>'
        chips += "".join(f'<span class="fc-chip">{escape(fact)}</span>' for fact in facts)
        comment = f"<q>{escape(said.comment)}</q>" if said.comment else ""
        others = "".join(
            f'<button type="button" data-fc="correct" data-value="{entry}" data-route="{escape(name)}">'
            f"{escape(words.of('route', name))}</button>"
            for name in routes
        )
        rows.append(
            f'<li class="fc-document"><div><b>{escape(said.question)}</b><div class="fc-chips">{chips}</div>{comment}</div>'
            f'<div class="fc-buttons"><button type="button" data-fc="accept" data-value="{entry}">'
            f"{escape(words('training.accept'))}</button>"
            f'<details class="fc-menu"><summary>{escape(words("training.correct"))}</summary><div>{others}</div></details>'
            f'<button type="button" data-fc="drop" data-value="{entry}">{escape(words("training.drop"))}</button></div></li>'
        )
    return f'<ul class="fc-documents">{"".join(rows)}</ul>'


def task_name(task: str, words: Words) -> str:
    """What a task is called on the page: that of one that ships in words, a plant's own by its name."""
    return words.text("training", f"task_{task}", task)


def versions_html(versions: Sequence[VersionInfo], words: Words) -> str:
    """The last versions of each task, newest first, with figures, confusion matrix, and promote or roll back."""
    tasks = list(dict.fromkeys(info.task for info in versions))
    parts = []
    for task in tasks:
        known = [info for info in versions if info.task == task]
        current = next((info.version for info in known if info.current), "")
        rows = "".join(_version(info, words, len(known) > 1, current) for info in reversed(known[-_VERSIONS:]))
        parts.append(
            f'<section class="fc-panel"><h3>{escape(task_name(task, words))}</h3><ul class="fc-documents">{rows}</ul></section>'
        )
    return "".join(parts)


def _version(info: VersionInfo, words: Words, can_go_back: bool, current: str) -> str:
    card: Mapping[str, Any] = info.card
    metrics: Mapping[str, Any] = card.get("metrics") or {}
    facts = [
        f"{words(f'training.{name}')}: {metrics[name]:.3f}"
        for name in ("accuracy", "macro_f1")
        if isinstance(metrics.get(name), int | float)
    ]
    count = (card.get("examples") or {}).get("count")
    if count is not None:
        facts.append(words.count("training.examples", count, count=count))
    chips = f'<span class="fc-chip">{escape(words.text("training", f"version_{info.state}", info.state))}</span>'
    if info.current:
        chips = f'<span class="fc-chip fc-current">{escape(words("training.current"))}</span>{chips}'
    task, version, seen = escape(info.task), escape(info.version), escape(current)
    if info.current and can_go_back:
        button = (
            f'<button type="button" data-fc="rollback" data-task="{task}" data-seen="{seen}">'
            f"{escape(words('training.rollback'))}</button>"
        )
    elif info.current or info.state == "damaged":
        button = ""
    else:
        button = (
            f'<button type="button" data-fc="promote" data-task="{task}" data-value="{version}" data-seen="{seen}">'
            f"{escape(words('training.promote'))}</button>"
        )
    told = words.said(info.reason) if info.state != "shipped" else ""  # its chip says so in the page's language
    reason = f"<small>{escape(told)}</small>" if told else ""
    return (
        f'<li class="fc-document"><div><b>{version}</b><div class="fc-chips">{chips}</div>'
        f"<small>{escape(' · '.join((f'{info.created_at:%Y-%m-%d %H:%M}', *facts)))}</small>{reason}{evaluation_html(metrics, words)}</div>"
        f'<div class="fc-buttons">{button}</div></li>'
    )


def evaluation_html(metrics: Mapping[str, Any], words: Words, opened: bool = False) -> str:
    """Figures by class and the confusion matrix, folded away."""
    inside = ""
    per_class = metrics.get("per_class")
    if isinstance(per_class, Mapping) and per_class:
        rows = [
            (
                words.of("route", name),
                f"{one['precision']:.2f}",
                f"{one['recall']:.2f}",
                f"{one['f1']:.2f}",
                one.get("n", ""),
            )
            for name, one in per_class.items()
        ]
        columns = ["", words("training.precision"), words("training.recall"), "F1", words("training.support")]
        inside += table_html(columns, rows)
    confusion = metrics.get("confusion")
    if isinstance(confusion, Mapping) and confusion:
        inside += confusion_html(confusion, words)
    if not inside:
        return ""
    open_now = " open" if opened else ""
    return (
        f'<details class="fc-more"{open_now}><summary>{escape(words("training.per_class"))}</summary>{inside}</details>'
    )


def confusion_html(confusion: Mapping[str, Mapping[str, int]], words: Words) -> str:
    """Counts by true and predicted class, each cell as dark as its share of the row."""
    names = list(dict.fromkeys([*confusion, *(name for row in confusion.values() for name in row)]))
    head = "".join(f"<th>{escape(words.of('route', name))}</th>" for name in names)
    rows = []
    for true in names:
        row = confusion.get(true, {})
        total = sum(row.values()) or 1
        cells = "".join(
            f'<td style="--share:{row.get(name, 0) / total:.2f}">{row.get(name, 0) or ""}</td>' for name in names
        )
        rows.append(f"<tr><th>{escape(words.of('route', true))}</th>{cells}</tr>")
    return (
        f'<p class="fc-note">{escape(words("training.confusion"))}</p><div class="fc-scroll"><table class="fc-table fc-confusion">'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
