"""An answer as HTML. Pure functions; whatever comes from a document, a name or a question is escaped.

What can be tapped carries `data-fc` (what is wanted) and further data attributes (of what); `ui/static/page.js` sends
them on. No handler stands in the HTML itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from copilot.sentences import is_bullet, step_number
from copilot.types import Answer, AnswerStatus, Citation, Warning
from indexer.types import Hit, Source
from ui.followups import follow_ups
from ui.icons import icon
from ui.passages import report_html
from ui.words import Words

_MARKER = re.compile(r"\s*\[(\d{1,3})\]")
_FIELD = re.compile(r"^(?P<name>[^:：\[\]]{1,60}?)\s*[:：]\s*(?P<value>.*)$", re.DOTALL)
_STEP_MARK = re.compile(
    r"^\s*(?:(?:step|步骤)\s*)?[(（\[]?(?:\d{1,3}|[a-zA-Z]|[①-⑳]|第[一二三四五六七八九十\d]{1,3}步)[.)）\]、:：]?\s*",
    re.I,
)
_LEAST_STEPS = 2
_REFUSALS = {AnswerStatus.NO_EVIDENCE, AnswerStatus.OUT_OF_SCOPE, AnswerStatus.REFUSED_UNSAFE}


@dataclass(frozen=True, slots=True)
class Said:
    """What the reader has said of an answer already: "up" or "down", the route it was corrected to, a reported gap."""

    verdict: str | None = None
    route: str | None = None
    gap: bool = False


def conversation_html(turns: Sequence[str], words: Words, examples: Sequence[str] = (), trouble: str = "") -> str:
    """All turns of a conversation, or a welcome with questions to begin with, or with what stands in the way of any."""
    if turns:
        return f'<div class="fc-conversation">{"".join(turns)}</div>'
    asks = "".join(_ask_button(question) for question in examples)
    tried = f'<p class="fc-hint">{escape(words("chat.try_these"))}</p><div class="fc-asks">{asks}</div>' if asks else ""
    told = f'<p class="fc-trouble" role="status">{escape(trouble)}</p>' if trouble else ""
    return (
        f'<div class="fc-welcome"><h2>{escape(words("chat.welcome"))}</h2>'
        f"<p>{escape(words('chat.welcome_text'))}</p>{told}{tried}</div>"
    )


def asked_html(text: str, machine: str | None = None) -> str:
    """A question as asked."""
    chip = f'<span class="fc-chip">{escape(machine)}</span>' if machine else ""
    return f'<div class="fc-asked"><p>{escape(text)}</p>{chip}</div>'


def pending_html(question: str, machine: str | None, text: str, words: Words) -> str:
    """A turn while its answer is being written. Markers are shown and lead nowhere yet."""
    body = f'<div class="fc-text">{_plain_lines(text)}</div>' if text else ""
    wait = f'<p class="fc-wait"><span class="fc-dots" aria-hidden="true"></span>{escape(words("chat.working"))}</p>'
    inner = body or wait
    return f'<article class="fc-turn">{asked_html(question, machine)}<section class="fc-answer">{inner}</section></article>'


def notice_html(question: str, machine: str | None, text: str, kind: str = "note") -> str:
    """A turn that ended without an answer: stopped, refused by the service, or failed."""
    return (
        f'<article class="fc-turn">{asked_html(question, machine)}'
        f'<section class="fc-answer"><p class="fc-{escape(kind)}" role="status">{escape(text)}</p></section></article>'
    )


def turn_html(
    answer: Answer,
    words: Words,
    routes: Sequence[str] = (),
    said: Said | None = None,
    can_report: bool = True,
) -> str:
    """A question with its answer. `routes` are those a correction can choose from."""
    said = said or Said()
    parts = [
        warnings_html(answer.warnings, answer.id, words),
        _headline(answer, words),
        f'<p class="fc-short">{escape(answer.short)}</p>' if answer.short else "",
        f'<div class="fc-text" data-copy>{text_html(answer.text, answer.citations, answer.id, words)}</div>',
        _withheld(answer, words),
        citations_html(answer.citations, answer.id, words),
        nearest_html(answer, words) if answer.status in _REFUSALS else "",
        _meta(answer, words, routes, said),
        _actions(answer, words, said, can_report),
        _follow(answer, words),
    ]
    chosen = answer.question.machine
    return (
        f'<article class="fc-turn" data-answer="{escape(answer.id)}">{asked_html(answer.question.text, chosen)}'
        f'<section class="fc-answer fc-{answer.status.value}">{"".join(parts)}</section></article>'
    )


def warnings_html(warnings: Sequence[Warning], answer_id: str, words: Words) -> str:
    """The warnings as one block, verbatim, the gravest signal word deciding its colour."""
    if not warnings:
        return ""
    rows = []
    for place, warning in enumerate(warnings):
        where = f"{warning.source.document_id} · {words('answer.page', page=warning.page)}"
        rows.append(
            f'<li class="fc-warning fc-{escape(warning.signal.lower())}"><p>{_lines(warning.text)}</p>'
            f'<button type="button" class="fc-where" data-fc="warning" data-answer="{escape(answer_id)}" '
            f'data-number="{place}">{escape(where)}</button></li>'
        )
    return (
        f'<div class="fc-warnings" role="alert"><h3>{icon("warning")}{escape(words("answer.warnings"))}'
        f"</h3><ul>{''.join(rows)}</ul></div>"
    )


def text_html(text: str, citations: Sequence[Citation], answer_id: str, words: Words) -> str:
    """The text of an answer: steps as a list to tick off, fields as terms, the rest as paragraphs; markers as links."""
    quotes = {citation.marker: citation.quote for citation in citations}
    lines = [line for line in text.split("\n") if line.strip()]
    steps = [line for line in lines if step_number(line) is not None]
    tick = len(steps) >= _LEAST_STEPS
    out: list[str] = []
    group: list[str] = []
    kind = ""
    done = 0

    def close() -> None:
        nonlocal group
        if group:
            out.append(_group(kind, group, words, done, answer_id))
        group = []

    for line in lines:
        new, html = _line(line, quotes, answer_id, tick, done)
        if new == "step":
            done += 1
        again = new == "field" and bool(group) and html.partition("</dt>")[0] == group[0].partition("</dt>")[0]
        if new != kind or again:  # the first column once more: the next row
            close()
            kind = new
        group.append(html)
    close()
    return "".join(out)


def _line(line: str, quotes: Mapping[int, str], answer_id: str, tick: bool, done: int) -> tuple[str, str]:
    if tick and step_number(line) is not None:
        number = _STEP_MARK.match(line)
        mark, rest = (number[0].strip(), line[number.end() :]) if number else ("", line)
        key = escape(f"{answer_id}:{done}")
        return "step", (
            f'<li><label class="fc-step"><input type="checkbox" data-fc="tick" data-key="{key}">'
            f'<span class="fc-number">{escape(mark)}</span>'
            f"<span>{_linked(rest, answer_id)}</span></label></li>"
        )
    if is_bullet(line):
        if quoted := _report_of(line, quotes):
            marker = _linked(" ".join(found[0] for found in _MARKER.finditer(line)), answer_id)
            return "report", f'<li class="fc-report">{report_html(quoted, extra=marker)}</li>'
        return "item", f"<li>{_linked(line.lstrip(' •●○◦▪■□–—*·➢➤►▶√✓-'), answer_id)}</li>"
    if (field := _FIELD.match(_MARKER.sub("", line))) and _is_field(field["name"], line, quotes):
        if cells := _cells(line):
            last = " ".join(found[0] for found in _MARKER.finditer(line))
            rows = [*cells[:-1], (cells[-1][0], f"{cells[-1][1]} {last}")]
            return "field", "".join(
                f"<div><dt>{escape(name)}</dt><dd>{_linked(value, answer_id)}</dd></div>" for name, value in rows
            )
        value = line[line.index(field["value"][:1], field.end("name")) :] if field["value"] else ""
        return "field", f"<div><dt>{escape(field['name'])}</dt><dd>{_linked(value, answer_id)}</dd></div>"
    return "line", f"<p>{_linked(line, answer_id)}</p>"


def _cells(line: str) -> list[tuple[str, str]]:
    """(name, value) of each cell of a row that stands in one line, "Part: pump; Value: 5"; [] where it is no such row."""
    found = [_FIELD.match(part.strip()) for part in re.split(r"[;；]", _MARKER.sub("", line))]
    cells = [(cell["name"].strip(), cell["value"].strip()) for cell in found if cell]
    return cells if len(cells) == len(found) > 1 and all(name and value for name, value in cells) else []


def _is_field(name: str, line: str, quotes: Mapping[int, str]) -> bool:
    """Whether a line is the cell of a table: the quote it cites has the same name before a colon at a line's start."""
    for found in _MARKER.finditer(line):
        for quoted in quotes.get(int(found[1]), "").split("\n"):
            if re.match(rf"\s*{re.escape(name)}\s*[:：]", quoted):
                return True
        if " | " in quotes.get(int(found[1]), ""):
            return True
    return False


def _report_of(line: str, quotes: Mapping[int, str]) -> str:
    """The fault report that a line of the answer retells, where it stands as one in the quote; else ""."""
    markers = [int(found[1]) for found in _MARKER.finditer(line)]
    quoted = quotes.get(markers[0], "") if len(markers) == 1 else ""
    first, _, rest = quoted.partition("\n")
    return quoted if " | " in first and rest and all(_FIELD.match(row) for row in rest.split("\n")) else ""


def _group(kind: str, rows: Sequence[str], words: Words, done: int, answer_id: str) -> str:
    inside = "".join(rows)
    if kind == "step":
        told = escape(words("answer.steps", done="{done}", all="{all}"))
        return (
            f'<ol class="fc-steps">{inside}</ol>'
            f'<p class="fc-progress" data-steps="{escape(answer_id)}" data-told="{told}" aria-live="polite"></p>'
        )
    if kind == "item":
        return f'<ul class="fc-items">{inside}</ul>'
    if kind == "report":
        return f'<ul class="fc-reports">{inside}</ul>'
    if kind == "field":
        return f'<dl class="fc-fields">{inside}</dl>'
    return inside


def _linked(text: str, answer_id: str) -> str:
    """Escaped text, its markers buttons."""
    out, last = [], 0
    for found in _MARKER.finditer(text):
        out.append(escape(text[last : found.start()]))
        out.append(
            f'<button type="button" class="fc-marker" data-fc="cite" data-answer="{escape(answer_id)}" '
            f'data-number="{found[1]}">{found[1]}</button>'
        )
        last = found.end()
    out.append(escape(text[last:]))
    return "".join(out).strip()


def _plain_lines(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        if line.strip():
            marked = _MARKER.sub(lambda found: f"\0{found[1]}\1", line)
            html = escape(marked).replace("\0", '<span class="fc-marker">').replace("\1", "</span>")
            lines.append(f"<p>{html}</p>")
    return "".join(lines)


def _lines(text: str) -> str:
    return "<br>".join(escape(line) for line in text.split("\n"))


def place_words(source: Source, pages: tuple[int, int], words: Words) -> str:
    """ "HP-200 Hydraulic Press · page 13"."""
    first, last = pages
    page = words("answer.page", page=first) if first == last else words("answer.pages", first=first, last=last)
    return f"{source.title or source.document_id} · {page}"


def revision_words(revision: str, words: Words) -> str:
    """ "revision B" for "Rev. B", as it is kept."""
    return words("answer.revision", revision=revision.removeprefix("Rev. "))


def citations_html(citations: Sequence[Citation], answer_id: str, words: Words) -> str:
    """The sources as cards to open."""
    if not citations:
        return ""
    cards = []
    for citation in citations:
        source = citation.source
        more = [source.document_id] if source.title and source.title != source.document_id else []
        if source.revision:
            more.append(revision_words(source.revision, words))
        ocr = f'<span class="fc-ocr">{escape(words("answer.scanned"))}</span>' if citation.ocr else ""
        cards.append(
            f'<li><button type="button" class="fc-card" data-fc="cite" data-answer="{escape(answer_id)}" '
            f'data-number="{citation.marker}"><span class="fc-marker">{citation.marker}</span>'
            f'<span class="fc-card-text"><b>{escape(place_words(source, citation.pages, words))}</b>'
            f"<small>{escape(' · '.join(more))}</small><q>{escape(_shortened(citation.printed or citation.quote))}</q>{ocr}</span></button></li>"
        )
    return f'<div class="fc-sources"><h4>{escape(words("answer.sources"))}</h4><ul>{"".join(cards)}</ul></div>'


def nearest_html(answer: Answer, words: Words) -> str:
    """What lies nearest to a question that was not answered."""
    if answer.status is not AnswerStatus.NO_EVIDENCE or answer.citations or not answer.evidence:
        return ""
    cards = [_nearest_card(hit, place, answer.id, words) for place, hit in enumerate(answer.evidence)]
    return f'<div class="fc-sources"><h4>{escape(words("answer.nearest"))}</h4><ul>{"".join(cards)}</ul></div>'


def _nearest_card(hit: Hit, place: int, answer_id: str, words: Words) -> str:
    chunk = hit.chunk
    return (
        f'<li><button type="button" class="fc-card" data-fc="nearest" data-answer="{escape(answer_id)}" '
        f'data-number="{place}"><span class="fc-card-text"><b>{escape(place_words(chunk.source, chunk.pages, words))}</b>'
        f"<small>{escape(' › '.join(chunk.heading))}</small><q>{escape(_shortened(chunk.text))}</q></span></button></li>"
    )


def _shortened(text: str, most: int = 160) -> str:
    flat = re.sub(r"\s*\n\s*", " / ", text.strip())
    return flat if len(flat) <= most else flat[: most - 1].rstrip() + "…"


def _withheld(answer: Answer, words: Words) -> str:
    count = len(answer.withheld)
    return f'<p class="fc-note">{escape(words.count("answer.withheld", count, count=count))}</p>' if count else ""


def _headline(answer: Answer, words: Words) -> str:
    if answer.status not in _REFUSALS:
        return ""
    return f'<h3 class="fc-refusal">{escape(words(f"answer.{answer.status.value}"))}</h3>'


def _meta(answer: Answer, words: Words, routes: Sequence[str], said: Said) -> str:
    understanding = answer.understanding
    route = understanding.route
    percent = round(100 * route.confidence)
    sure = words("answer.confidence", percent=percent) if understanding.sure else words("answer.unsure")
    machine = understanding.machine or words("answer.no_machine")
    how = ""
    if understanding.machine:
        found = "chosen" if answer.question.machine else "found"
        how = f" <small>({escape(words(f'answer.machine_{found}'))})</small>"
    total = answer.timings_ms.get("total")
    took = words("answer.seconds", seconds=f"{total / 1000:.1f}") if total is not None else ""
    facts = (
        f'<span class="fc-chip fc-route">{escape(words("answer.route"))}: '
        f"<b>{escape(words.of('route', route.route))}</b> · {escape(sure)}</span>"
        f'<span class="fc-chip">{escape(machine)}{how}</span>'
        f'<span class="fc-took">{escape(took)}</span>'
    )
    return f'<div class="fc-meta">{facts}{_route_menu(answer, words, routes, said)}</div>'


def _route_menu(answer: Answer, words: Words, routes: Sequence[str], said: Said) -> str:
    if said.route:
        told = words("answer.route_stored", route=words.of("route", said.route))
        return f'<p class="fc-thanks" role="status">{escape(told)}</p>'
    others = [name for name in routes if name != answer.understanding.route.route]
    if not others:
        return ""
    buttons = "".join(
        f'<button type="button" data-fc="route" data-answer="{escape(answer.id)}" data-value="{escape(name)}">'
        f"{escape(words.of('route', name))}</button>"
        for name in others
    )
    return (
        f'<details class="fc-menu"><summary>{escape(words("answer.wrong_route"))}</summary>'
        f"<div><p>{escape(words('answer.wrong_route_ask'))}</p>{buttons}</div></details>"
    )


def _actions(answer: Answer, words: Words, said: Said, can_report: bool) -> str:
    ident = escape(answer.id)

    def button(wanted: str, label: str, sign: str = "") -> str:
        shown = icon(sign) if sign else ""
        return f'<button type="button" data-fc="{wanted}" data-answer="{ident}">{shown}{escape(label)}</button>'

    if said.verdict:
        verdict = f'<p class="fc-thanks" role="status">{escape(words("answer.thanks"))}</p>'
    else:
        verdict = button("up", words("answer.good"), "up") + (
            f'<details class="fc-menu"><summary>{icon("down")}{escape(words("answer.bad"))}</summary>'
            f'<div><label>{escape(words("answer.comment"))}<textarea rows="3" maxlength="2000"></textarea></label>'
            f"{button('down', words('answer.send'))}</div></details>"
        )
    gap = ""
    if answer.status is AnswerStatus.NO_EVIDENCE:
        thanks = f'<p class="fc-thanks" role="status">{escape(words("answer.gap_stored"))}</p>'
        gap = thanks if said.gap else button("gap", words("answer.gap"), "flag")
    report = button("report", words("answer.report"), "edit") if can_report else ""
    copied = escape(words("answer.copied"))
    copy = (
        f'<button type="button" data-fc="copy" data-answer="{ident}" data-done="{copied}">'
        f"{icon('copy')}{escape(words('answer.copy'))}</button>"
    )
    return (
        f'<div class="fc-actions">{verdict}{gap}{copy}{button("print", words("answer.print"), "print")}{report}</div>'
    )


def _follow(answer: Answer, words: Words) -> str:
    asks = "".join(_ask_button(text) for text in follow_ups(answer, words))
    if not asks:
        return ""
    return f'<div class="fc-follow"><p class="fc-hint">{escape(words("answer.follow"))}</p><div class="fc-asks">{asks}</div></div>'


def _ask_button(text: str) -> str:
    return f'<button type="button" data-fc="ask" data-value="{escape(text)}">{escape(text)}</button>'
