"""`copilot search` and `copilot route`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from copilot import assemble, terminal
from copilot.commands.common import DONE, AskedLine, UsageError, answer_lines, known_machine, one_question, taken
from copilot.config import Settings
from finetune.protocols import Router
from finetune.router import FineTunedRouter
from finetune.types import RouteDecision
from indexer.types import Hit


def search(
    settings: Settings, words: Sequence[str], file: Path | None, k: int, machine: str | None, as_json: bool
) -> int:
    """Find chunks for one question, or for every line of a file."""
    question = one_question(words, file)
    embedder = assemble.make_reading_embedder(settings)
    with assemble.open_index(settings, embedder) as index:
        retriever = assemble.make_search(settings, index, embedder)
        chosen = known_machine(machine, index.machines())
        if question is not None:
            hits = retriever.search(question, k, chosen)
            if as_json:
                terminal.write_json(hits_to_json(question, hits))
            else:
                _show(hits)
            return DONE
        assert file is not None

        def answer(line: AskedLine) -> None:
            own = known_machine(line.machine, index.machines()) if line.machine else chosen
            hits = retriever.search(line.question, k, own)
            if as_json:
                terminal.write_json({"id": line.id, **hits_to_json(line.question, hits)})
            else:
                terminal.heading(line.question)
                _show(hits)
                terminal.write()

        return answer_lines(file, as_json, answer)


def hits_to_json(question: str, hits: Sequence[Hit]) -> dict[str, Any]:
    """A search as `copilot search --json` prints it."""
    return {
        "question": question,
        "hits": [
            {
                "rank": hit.rank,
                "score": round(hit.score, 6),
                "document": hit.chunk.source.document_id,
                "pages": list(hit.chunk.pages),
                "heading": list(hit.chunk.heading),
                "kind": hit.chunk.kind.value,
                "text": hit.chunk.text,
            }
            for hit in hits
        ],
    }


def _show(hits: Sequence[Hit]) -> None:
    if not hits:
        terminal.write("Nothing was found.")
        return
    terminal.table(
        ["", "score", "document", "page", "text"],
        [
            [
                hit.rank, f"{hit.score:.3f}", hit.chunk.source.document_id, terminal.pages(*hit.chunk.pages),
                terminal.excerpt(" > ".join(hit.chunk.heading[-2:]) + ": " * bool(hit.chunk.heading) + hit.chunk.text),
            ]
            for hit in hits
        ],
        right=(0, 1),
    )  # fmt: skip


def route(settings: Settings, questions: Sequence[str], file: Path | None, explain: bool, as_json: bool) -> int:
    """Say which kind of question each question is; needs no index. A single question is explained."""
    if bool(questions) == (file is not None):
        raise UsageError("give one or more QUESTIONs or --file" + (", not both" if questions else ""))
    texts = [taken(text) for text in questions]
    router, _ = assemble.make_router(settings, assemble.make_embedder(settings))
    explain = explain or (len(texts) == 1 and not as_json)

    def answer(line: AskedLine) -> None:
        decision = router.route(line.question)
        if as_json:
            shown = decision_to_json(line.id, line.question, decision)
            terminal.write_json(shown | _explanation(router, line.question) if explain else shown)
            return
        terminal.write(f"{decision.route}\t{decision.confidence:.2f}\t{line.question}")
        if explain:
            _explain(router, line.question, decision)

    if file is not None:
        return answer_lines(file, as_json, answer)
    for number, text in enumerate(texts, 1):
        answer(AskedLine(number, None, text))
    return DONE


def _explanation(router: Router, question: str) -> dict[str, Any]:
    nearest = router.nearest(question) if isinstance(router, FineTunedRouter) else []
    return {
        "router": router.name,
        "nearest": [{"text": n.text, "label": n.label, "cosine": round(n.cosine, 4)} for n in nearest],
    }


def _explain(router: Router, question: str, decision: RouteDecision) -> None:
    likely = sorted(decision.probabilities.items(), key=lambda item: -item[1])
    terminal.write("  " + ", ".join(f"{name} {value:.2f}" for name, value in likely))
    explained = _explanation(router, question)
    for near in explained["nearest"]:
        terminal.write(f"  learnt from: {near['text']} ({near['label']}, likeness {near['cosine']:.2f})")
    terminal.write(f"  router: {explained['router']}")


def decision_to_json(given_id: Any, question: str, decision: RouteDecision) -> dict[str, Any]:
    """A routing decision as `copilot route --json` prints it."""
    return {
        "id": given_id,
        "question": question,
        "route": decision.route,
        "confidence": round(decision.confidence, 4),
        "probabilities": {name: round(float(value), 4) for name, value in decision.probabilities.items()},
    }
