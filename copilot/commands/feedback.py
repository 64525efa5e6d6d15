"""`copilot feedback list`, `review`, `export`, `import` and `add`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot import assemble, terminal
from copilot.commands.common import DONE, PARTLY, UsageError, taken

if TYPE_CHECKING:
    from copilot.config import Settings
    from finetune.feedback import FeedbackStore
    from finetune.review import Review, Stored

_SHOWN = 20  # rejected rows named one by one
_ID_SHOWN = 8  # characters of an id in tables; enough to name an entry

# --- options ----------------------------------------------------------------------------------------------------------


def add_list(parser: argparse.ArgumentParser) -> None:
    """The options of `feedback list`."""
    parser.add_argument("--since", metavar="D", help="from YYYY, YYYY-MM or YYYY-MM-DD on")
    parser.add_argument("--verdict", choices=("up", "down"), help="only these")
    parser.add_argument("--limit", type=_count, default=20, help="how many, 20 by default; 0 shows all")


def add_review(parser: argparse.ArgumentParser) -> None:
    """The options of `feedback review`."""
    parser.add_argument("--id", metavar="ID", help="decide on this entry; without it, one after the other is asked")
    decision = parser.add_mutually_exclusive_group()
    decision.add_argument("--accept", action="store_true", help="the operator's word holds")
    decision.add_argument("--correct", metavar="ROUTE", help="this is the right route")
    decision.add_argument("--drop", action="store_true", help="nothing to learn from it")
    parser.add_argument("--reviewer", metavar="R", default="", help="who decides; kept as a hash")


def add_export(parser: argparse.ArgumentParser) -> None:
    """The options of `feedback export`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="JSONL to write; - is stdout")
    parser.add_argument("--raw", action="store_true", help="all that is stored, unmasked; else rows to train on")


def add_import(parser: argparse.ArgumentParser) -> None:
    """The options of `feedback import`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="JSONL or CSV: question, route, ... or text, label")
    parser.add_argument("--author", metavar="A", default="import", help="who stands for rows without an author")
    parser.add_argument("--accept", action="store_true", help="count the rows as reviewed")


def add_add(parser: argparse.ArgumentParser) -> None:
    """The options of `feedback add`."""
    parser.add_argument("words", nargs="+", metavar="QUESTION", help="the question that was asked")
    parser.add_argument("--route", metavar="R", help="the route that was taken")
    parser.add_argument("--verdict", choices=("up", "down"), help="down with --correct, else up")
    parser.add_argument("--correct", metavar="R", help="the route that would have been right")
    parser.add_argument("--author", metavar="A", default="", help="the operator who says so; kept as a hash")
    parser.add_argument("--comment", metavar="C", default="", help="anything else")


def _count(text: str) -> int:
    if (count := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"{count} is below 0")
    return count


# --- verbs ------------------------------------------------------------------------------------------------------------


def list_entries(settings: Settings, since: str | None, verdict: str | None, limit: int, as_json: bool) -> int:
    """Show what operators said, newest first. Personal data is masked."""
    store = assemble.make_feedback_store(settings)
    earliest = _earliest(since)
    reviews = _latest(store)
    chosen = [
        stored
        for stored in store.all()
        if (verdict is None or stored.feedback.verdict.value == verdict)
        and (earliest is None or stored.feedback.created_at >= earliest)
    ]
    chosen.sort(key=lambda stored: stored.feedback.created_at, reverse=True)
    shown = chosen[:limit] if limit else chosen
    problems = store.problems()
    if as_json:
        entries = [entry_to_json(stored, reviews.get(stored.id)) for stored in shown]
        terminal.write_json({"total": len(chosen), "entries": entries, "problems": list(problems)})
    elif not chosen:
        terminal.write("No feedback matches." if store.all() else "No feedback has been given yet.")
    else:
        terminal.table(
            ["id", "when", "verdict", "route", "right route", "review", "question"],
            [_row(stored, reviews.get(stored.id)) for stored in shown],
        )
        if len(shown) < len(chosen):
            terminal.write(f"\n{len(shown)} of {len(chosen)}; --limit 0 shows all.")
    _name(problems)
    return DONE


def review(
    settings: Settings,
    entry: str | None,
    accept: bool,
    correct: str | None,
    drop: bool,
    reviewer: str,
    as_json: bool,
    ask: Callable[[str], str] | None = None,
) -> int:
    """Decide on one entry; or show the queue as JSON; or ask about one entry after the other (`ask` reads a line)."""
    from finetune.review import Decision

    store, routes = assemble.make_feedback_store(settings), _routes(settings)
    decision = (
        Decision.ACCEPT if accept else Decision.DROP if drop else Decision.CORRECT if correct is not None else None
    )
    if (entry is None) != (decision is None):
        raise UsageError("give --id ID together with --accept, --correct ROUTE or --drop")
    if entry is not None and decision is not None:
        made = store.review(entry, decision, _known(correct, routes), reviewer, routes)
        if as_json:
            terminal.write_json({"id": made.feedback_id, "review": review_to_json(made)})
        else:
            terminal.write(f"{made.feedback_id[:_ID_SHOWN]}: {_said(made)}")
        return DONE
    if as_json:
        pending = [
            {**entry_to_json(stored, None), "contradicted": contradicted} for stored, contradicted in store.pending()
        ]
        terminal.write_json({"pending": pending, "routes": routes, "problems": list(store.problems())})
        return DONE
    if ask is None and not sys.stdin.isatty():
        raise UsageError("stdin is no terminal; use --json to see the queue and --id ID to decide")
    _name(store.problems())
    _interview(store, routes, reviewer, ask or input)
    return DONE


def export(settings: Settings, file: Path, raw: bool, as_json: bool) -> int:
    """Write training rows, masked and resolved, or with `raw` everything as it is stored."""
    from finetune.feedback_tables import example_lines, raw_lines, write_lines

    if as_json and str(file) == "-":
        raise UsageError("--json reports on stdout, where - writes the rows; name a file")
    store = assemble.make_feedback_store(settings)
    if raw:
        lines = raw_lines(store.all(), store.reviews())
        report: dict[str, Any] = {"entries": len(lines)}
        said: Sequence[str] = store.problems()
    else:
        examples, resolved = store.examples(_routes(settings))
        lines = example_lines(examples)
        report, said = resolved.to_json(), resolved.lines()
    if str(file) == "-":
        for line in lines:
            terminal.write(line.decode("utf-8").rstrip("\n"))
    else:
        write_lines(file, lines)
        if as_json:
            terminal.write_json({"file": str(file), "rows": len(lines), "report": report})
        else:
            terminal.write(f"{len(lines)} rows written to {file}.")
    _name(said)
    return DONE


def import_file(settings: Settings, file: Path, author: str, accept: bool, as_json: bool) -> int:
    """Store a file of feedback; rows that cannot be used are named and left out."""
    from finetune.feedback_tables import read_table

    if not author.strip():
        raise UsageError("--author is empty; name who stands for the rows")
    store, routes = assemble.make_feedback_store(settings), _routes(settings)
    table = read_table(file, routes, author)
    added = store.extend(table.entries, "import", table.timeless)
    accepted = store.accept(added.ids, author) if accept else 0
    duplicates = len(table.entries) - added.new
    if as_json:
        terminal.write_json(
            {
                "file": str(file),
                "added": added.new,
                "duplicates": duplicates,
                "accepted": accepted,
                "quarantined": [{"line": row.line, "reason": row.reason} for row in table.rejected],
                "ignored_columns": list(table.ignored_columns),
            }
        )
    else:
        terminal.write(
            f"{added.new} entries added"
            + (f", {duplicates} were there already" if duplicates else "")
            + (f", {len(table.rejected)} rows left out" if table.rejected else "")
            + "."
        )
    if table.ignored_columns:
        terminal.note(f"{file}: columns without a use here: {', '.join(table.ignored_columns)}")
    for row in table.rejected[:_SHOWN]:
        terminal.note(f"Error: line {row.line} of {file} {row.reason}")
    if len(table.rejected) > _SHOWN:
        terminal.note(f"... and {len(table.rejected) - _SHOWN} more; --json names them all.")
    return PARTLY if table.rejected else DONE


def add(
    settings: Settings,
    words: Sequence[str],
    route: str | None,
    verdict: str | None,
    correct: str | None,
    author: str,
    comment: str,
    as_json: bool,
) -> int:
    """Store one entry: an operator's, as the browser does, or without an author the word of whoever keeps this machine."""
    from finetune.types import Feedback, Verdict

    question = taken(" ".join(words))
    routes = _routes(settings)
    taken_route, right = _known(route, routes), _known(correct, routes)
    if taken_route is None and right is None:
        raise UsageError("give --route, the route that was taken, or --correct, the right one")
    chosen = Verdict(verdict) if verdict else Verdict.DOWN if right else Verdict.UP
    feedback = Feedback("", question, taken_route or "", chosen, right, comment, (), datetime.now(UTC), author=author)
    source = "operator" if author.strip() else "command line"
    entry_id = assemble.make_feedback_store(settings).append(feedback, source)
    if as_json:
        terminal.write_json({"id": entry_id})
    else:
        terminal.write(f"Stored as {entry_id[:_ID_SHOWN]}.")
    return DONE


# --- review in a terminal ---------------------------------------------------------------------------------------------

_KEYS = "[a]ccept  [c]orrect  [d]rop  [s]kip  [q]uit > "


def _interview(store: FeedbackStore, routes: Sequence[str], reviewer: str, ask: Callable[[str], str]) -> None:
    """One entry after the other; every decision is stored at once."""
    from finetune.review import Decision, label_of, queue

    skipped: set[str] = set()
    decided = 0
    entries, reviews = store.all(), list(store.reviews())
    try:
        while waiting := [one for one in queue(entries, reviews) if one[0].id not in skipped]:
            stored, contradicted = waiting[0]
            _present(stored, contradicted, len(waiting))
            key = ask(_KEYS).strip().lower()[:1]
            if key == "q":
                break
            if key == "s":
                skipped.add(stored.id)
                continue
            if key == "d":
                reviews.append(store.review(stored.id, Decision.DROP, None, reviewer))
            elif key == "a" and (stored.feedback.corrected_route or stored.feedback.route) in routes:
                reviews.append(store.review(stored.id, Decision.ACCEPT, None, reviewer, routes))
            elif key == "a":
                terminal.write("There is no such route any more; correct it or drop it.\n")
                continue
            elif key == "c":
                route = _choose(routes, ask)
                if route is None:
                    continue
                reviews.append(store.review(stored.id, Decision.CORRECT, route, reviewer, routes))
            else:
                terminal.write("Type one of a, c, d, s, q.\n")
                continue
            decided += 1
            terminal.write(f"-> {label_of(stored, reviews[-1]) or 'dropped'}\n")
    except EOFError:
        terminal.write()
    left = len([one for one in queue(entries, reviews) if one[0].id not in skipped])
    terminal.write(f"{decided} decided, {len(skipped)} skipped, {left} left.")


def _present(stored: Stored, contradicted: bool, waiting: int) -> None:
    from finetune.privacy import mask

    feedback = stored.feedback
    sure = "" if feedback.confidence is None else f" ({feedback.confidence:.2f})"
    terminal.heading(terminal.one_line(mask(feedback.question).text))
    terminal.write(
        f"  taken: {feedback.route or 'unknown'}{sure}, verdict: {feedback.verdict.value}"
        + (f", right: {feedback.corrected_route}" if feedback.corrected_route else "")
        + (", others disagree" if contradicted else "")
    )
    if feedback.comment.strip():
        terminal.write(f"  comment: {terminal.excerpt(mask(feedback.comment).text)}")
    terminal.write(f"  {stored.id[:_ID_SHOWN]}, {feedback.created_at.astimezone():%Y-%m-%d %H:%M}, {waiting} waiting")


def _choose(routes: Sequence[str], ask: Callable[[str], str]) -> str | None:
    """A route by number or name; None when the answer is empty."""
    terminal.write("  " + "  ".join(f"{number} {name}" for number, name in enumerate(routes, 1)))
    while given := ask("route > ").strip():
        if given.isdecimal() and 1 <= int(given) <= len(routes):
            return routes[int(given) - 1]
        found = [name for name in routes if name == given] or [
            name for name in routes if name.startswith(given.lower())
        ]
        if len(found) == 1:
            return found[0]
        terminal.write("Type a number or a route; nothing goes back.")
    return None


# --- small things -----------------------------------------------------------------------------------------------------


def entry_to_json(stored: Stored, review: Review | None) -> dict[str, Any]:
    """An entry as `copilot feedback list --json` prints it: masked, with the review that counts."""
    from finetune.feedback import to_json
    from finetune.privacy import mask

    fields = to_json(stored)
    del fields["schema"]
    fields["question"], fields["comment"] = mask(fields["question"]).text, mask(fields["comment"]).text
    return {**fields, "review": review and review_to_json(review)}


def review_to_json(review: Review) -> dict[str, Any]:
    """A decision in plain values."""
    return {"decision": review.decision.value, "route": review.route, "decided_at": review.decided_at.isoformat()}


def _row(stored: Stored, review: Review | None) -> list[object]:
    from finetune.privacy import mask

    feedback = stored.feedback
    return [
        stored.id[:_ID_SHOWN],
        f"{feedback.created_at.astimezone():%Y-%m-%d %H:%M}",
        feedback.verdict.value,
        feedback.route,
        feedback.corrected_route,
        review and _said(review),
        terminal.excerpt(mask(feedback.question).text, 100),
    ]


def _said(review: Review) -> str:
    return {"accept": "accepted", "drop": "dropped"}.get(review.decision.value, f"corrected to {review.route}")


def _routes(settings: Settings) -> tuple[str, ...]:
    return tuple(route.name for route in assemble.load_routes(settings))


def _known(route: str | None, routes: Sequence[str]) -> str | None:
    if route is not None and route not in routes:
        raise UsageError(f"there is no route '{route}'; choose from {', '.join(routes)}")
    return route


def _latest(store: FeedbackStore) -> dict[str, Review]:
    from finetune.review import latest_reviews

    return latest_reviews(store.reviews())


def _earliest(since: str | None) -> datetime | None:
    """The beginning of a year, month or day, in local time."""
    if since is None:
        return None
    match = re.fullmatch(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", since.strip(), re.ASCII)
    try:
        if match is None:
            raise ValueError
        year, month, day = (int(part or 1) for part in match.groups())
        return datetime(year, month, day).astimezone()
    except (ValueError, OverflowError):
        raise UsageError(f"--since is '{since}'; write YYYY, YYYY-MM or YYYY-MM-DD") from None


def _name(problems: Sequence[str]) -> None:
    for problem in problems:
        terminal.note(f"Note: {problem}")
