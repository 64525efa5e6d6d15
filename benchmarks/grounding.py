"""`python -m benchmarks grounding`: which sentences the checks on a language model's text let through, and which not.

No model is needed: sentences of manuals (said as printed, or changed in one respect, or held against another section),
answers in free words to Chinese questions with the passages they were written from, and translations.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks import common
from copilot.generate.arriving import Arriving
from copilot.grounding import Likeness, supporting
from copilot.sentences import sentence_spans
from indexer.types import Chunk, ChunkKind, DocumentKind, Source

_SOURCE = Source("manual", "Manual", DocumentKind.MANUAL, None, None)
_PART = 500  # characters of a passage, about a chunk
_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.]*\d)")
_FLIPS = [("open", "close"), ("increase", "decrease"), ("left", "right"), ("on", "off"), ("before", "after"), ("up", "down"),
          ("above", "below"), ("start", "stop"), ("enable", "disable"), ("connect", "disconnect"), ("maximum", "minimum")]  # fmt: skip


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks grounding", description=__doc__)
    parser.add_argument("--sentences", type=int, default=400, help="of each kind, 400 by default")
    parser.add_argument("--no-save", action="store_true", help="print only")
    options = parser.parse_args(list(arguments))
    pick = random.Random(common.SEED)
    found: dict[str, list[float]] = {}
    for measure in (_manuals, _chinese_answers, _translations):
        try:
            found |= measure(pick, options.sentences)
        except common.MissingData as missing:
            print(f"left out: {missing}")
    table = common.Table(
        "grounding",
        "all",
        "Sentences that the checks on a language model's text let through",
        ["sentences", "n", "let through, %"],
    )
    for name, shown in found.items():
        table.add(name, len(shown), common.percent(shown))
    table.publish(not options.no_save)


def _chunk(text: str, name: str) -> Chunk:
    return Chunk(name, _SOURCE, (1, 1), (), ChunkKind.TEXT, text, 0, False)


def _shown(pairs: Sequence[tuple[str, Sequence[Chunk]]], likeness: Likeness | None = None) -> list[float]:
    """1 for every sentence that is let through, 0 for the others."""
    return [
        float(bool(supporting(sentence, [(chunk, len(chunk.text)) for chunk in chunks], likeness)[0]))
        for sentence, chunks in pairs
    ]


def _manuals(pick: random.Random, count: int) -> dict[str, list[float]]:
    """English sentences of two manuals against their own section, changed, and against another section."""
    chunks = []
    for name in ("s10_manual_corpus.json", "smart_tv_remote_manual_corpus.json"):
        sections = json.loads(common.need("emanual_qa", name).read_text(encoding="utf-8"))
        for key, section in sections.items():
            text = " ".join(section["text"])
            chunks += [_chunk(part, f"{name}-{key}-{at}") for at, part in enumerate(_parts(text)) if len(part) > 150]
    own = [
        (text[a:b], chunk) for chunk in chunks for text in [chunk.text] for a, b in sentence_spans(text) if b - a > 40
    ]
    pick.shuffle(own)
    changes: dict[str, Callable[[str], str]] = {
        "a number is another": _other_number,
        "a not too much or too few": _other_negation,
        "a direction is the opposite": _other_direction,
    }
    likeness = _likeness()
    out = {
        "English, as printed": _shown([(sentence, [chunk]) for sentence, chunk in own[:count]], likeness),
        "English, another section of the manual": _shown(
            [(sentence, [other]) for sentence, chunk in own[:count] if (other := pick.choice(chunks)) is not chunk],
            likeness,
        ),
    }
    for name, change in changes.items():
        changed = [
            (new, [chunk]) for sentence, chunk in own if (new := change(sentence)) != sentence and new not in chunk.text
        ]
        out[f"English, {name}"] = _shown(changed[:count], likeness)
    return out


def _chinese_answers(pick: random.Random, count: int) -> dict[str, list[float]]:
    """Answers in free words against the passages they were written from, and against those of another question."""
    answers = json.loads(common.need("carmanual_zh", "data", "gold_result.json").read_text(encoding="utf-8"))
    prompts = json.loads(common.need("carmanual_zh", "benchmark", "bench_data.json").read_text(encoding="utf-8"))
    pairs: list[tuple[str, list[Chunk]]] = []
    for place, answer in enumerate(answers):
        known = prompts[str(place)].split("已知内容", 1)[-1].rsplit("问题:", 1)[0]
        passages = [_chunk(part, f"{place}-{at}") for at, part in enumerate(_parts(known))]
        arriving = Arriving()
        for sentence in (*arriving.feed(answer["answer"]), *arriving.end()):
            if len(sentence.text) > 8 and not sentence.text.endswith(("：", ":")):  # an introduction is left out
                pairs.append((sentence.text, passages))
    pairs = pairs[:count]
    likeness = _likeness()
    wrong = [(sentence, pick.choice(pairs)[1]) for sentence, _ in pairs]
    return {
        "Chinese answers in free words": _shown(pairs, likeness),
        "Chinese answers, passages of another question": _shown(
            [(s, w) for (s, own), (_, w) in zip(pairs, wrong, strict=True) if w is not own], likeness
        ),
    }


def _translations(pick: random.Random, count: int) -> dict[str, list[float]]:
    """Chinese sentences against a passage of five English ones, with and without their translation."""
    lines = common.need("parallel_zh_en", "dev.tsv").read_text(encoding="utf-8").splitlines()
    pairs = [tuple(line.split("\t")[:2]) for line in lines if line.count("\t") >= 1]
    pairs = [(english, chinese) for english, chinese in pairs if 30 < len(english) < 200 and english.endswith(".")]
    pick.shuffle(pairs)
    likeness = _likeness()
    right, wrong = [], []
    for at, (english, chinese) in enumerate(pairs[:count]):
        others = [pick.choice(pairs)[0] for _ in range(5)]
        others = [other for other in others if other != english]
        right.append((chinese, [_chunk(" ".join([*others[:2], english, *others[2:4]]), str(at))]))
        wrong.append((chinese, [_chunk(" ".join(others), str(at))]))
    return {
        "Chinese for an English passage": _shown(right, likeness),
        "Chinese for an English passage, of other content": _shown(wrong, likeness),
    }


def _likeness() -> Likeness:
    embedder = common.product_embedder()

    def likeness(sentence: str, texts: Sequence[str]) -> list[float]:
        scores = embedder.embed_documents(list(texts)) @ embedder.embed_questions([sentence])[0]
        return [float(score) for score in np.asarray(scores)]

    return likeness


def _parts(text: str) -> list[str]:
    out = [""]
    for a, b in sentence_spans(text):
        if len(out[-1]) > _PART:
            out.append("")
        out[-1] += (" " if out[-1] else "") + text[a:b]
    return out


def _other_number(sentence: str) -> str:
    return _NUMBER.sub(lambda found: str(int(found[0]) + 7), sentence, count=1)


def _other_negation(sentence: str) -> str:
    without = re.sub(r"\b(do not|does not|cannot|never|not)\b ?", "", sentence, count=1)
    return without if without != sentence else re.sub(r"\b(is|are|can|will|may|must)\b", r"\1 not", sentence, count=1)


def _other_direction(sentence: str) -> str:
    for one, two in _FLIPS:
        for first, second in ((one, two), (two, one)):
            if re.search(rf"\b{first}\b", sentence) and not re.search(rf"\b{second}\b", sentence):
                return re.sub(rf"\b{first}\b", second, sentence, count=1)
    return sentence
