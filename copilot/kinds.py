"""Machines named by their kind: "the press", "on the machining centre", 空压机. Which documents those are.

What kind a document's machine is, its machine's name, its title and first heading, its file name and, failing those, the
first lines say. Words that stand for each other, in English and Chinese, are listed in `machine_kinds.toml`; what a title
calls a machine beside its model name ("RX-9 Degreaser") is learned as it stands.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from copilot.types import Subject
from indexer.analysis import fold, stem
from indexer.types import Chunk, ChunkKind, Opening

_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[a-z0-9]+(?:['’][a-z]+)?|[\u3400-\u9fff]+")
_DESIGNATION = re.compile(r"(?=[a-z\d\-_.]*\d)(?=[a-z\d\-_.]*[a-z])[a-z\d]+(?:[-_.]?[a-z\d]+)*")
_DETERMINERS = frozenset(
    "the a an our my your this that these those each every which both on of in at for with from by one its whose other "
    "another second first old new big small large".split()
)
# What stands before a word that is a verb there, or a plain word.
_BEFORE_A_VERB = frozenset(
    "to i we you they he she it must should can could may shall will do does did not then and or please never always "
    "if when".split()
)
_BEHIND_A_VERB = frozenset("the a an this that on in any it them both again until and down".split())
_FRONT_MOST = 3  # words before a kind that may belong to it
# Words of titles that say what the document is, not what its machine is.
_DOCUMENT_WORDS = frozenset(
    stem(word)
    for word in """
    manual manuals instruction instructions operating operation operator operators user users guide handbook service
    maintenance repair safety alarm alarms list lists schedule part parts catalogue catalog spare rev revision version
    edition issue english en zh for the of a an and or series model type original translation quick start installation
    commissioning technical data sheet datasheet reference description fault faults error errors code codes messages
    troubleshooting training documentation specification specifications checklist procedure procedures work order orders
    log report reports plan plans owner owners s owner's user's operator's programming setup set up assembly with to in
    notes chapter appendix draft final copy
    """.split()
)
_DOCUMENT_WORDS_ZH = re.compile(
    r"(?:使用|操作|维护|保养|维修|安装|调试|用户|产品|技术|安全|编程|快速|检修|设备)*(?:说明书|手册|指南|规程|指导书|教程|说明)|"
    r"(?:报警|故障|错误|代码|参数|备件|零件|点检)+(?:清单|列表|代码|一览|表)*|(?:维护|保养|检修|点检)(?:计划|周期|标准|规程|表)*|"
    r"中文版?|英文版?|系列|型号?|第?[一二三四五六七八九十]+[版章]|修订版?"
)
# How the names of machines end that no list holds; of other words in -er and -or only these are parts or plain words.
_ENDS = re.compile(r"(?:(?:er|or)s?|machine|line|cell|station|plant|centre|center|tower|truck|bot|mill)$")
_NO_MACHINES = frozenset(
    "motor cylinder sensor filter power water number order error letter paper layer counter member master under over "
    "after other under exterior interior vector factor operator user owner customer supplier author editor register "
    "transmitter adapter connector conductor resistor capacitor transistor indicator regulator actuator".split()
)
_SAYS_LITTLE = frozenset({"line", "machine", "plant", "station", "cell", "centre", "center"})
_ENDS_ZH = re.compile(r"[\u3400-\u9fff]{1,11}[机床炉釜塔]$")


@dataclass(frozen=True, slots=True)
class _Named:
    """A kind as a text names it: which one, where, and the words before it that say which of its kind."""

    kind: str
    start: int
    end: int
    front: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Known:
    """One document with what is known of its machine's kind."""

    opening: Opening
    named: tuple[_Named, ...]


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """The words for kinds: each word's kind, and the words of each kind."""

    kind_of: dict[str, str]
    words_of: dict[str, tuple[str, ...]]
    verbs: frozenset[str]

    def with_own(self, words: Iterable[str]) -> _Vocabulary:
        """The same and words of a plant's own, each a kind for itself."""
        more = {word: word for word in words if word not in self.kind_of}
        return _Vocabulary(self.kind_of | more, self.words_of | {word: (word,) for word in more}, self.verbs)


@cache
def _listed() -> _Vocabulary:
    data = tomllib.loads(resources.files("copilot").joinpath("machine_kinds.toml").read_text(encoding="utf-8"))
    kind_of: dict[str, str] = {}
    words_of: dict[str, tuple[str, ...]] = {}
    for words in data["kinds"]:
        spelled = tuple(dict.fromkeys(form for word in words for form in _spellings(word)))
        words_of[words[0]] = spelled
        kind_of.update(dict.fromkeys(spelled, words[0]))
    return _Vocabulary(kind_of, words_of, frozenset(data["verbs"]))


def _spellings(word: str) -> tuple[str, ...]:
    american = word.replace("centre", "center").replace("moulding", "molding")
    american = re.sub(r"iser$", "izer", american)
    return word, american


@cache
def _pattern(words: frozenset[str]) -> re.Pattern[str]:
    """Any of the words, the longest at each place, English ones in the plural too."""
    longest = sorted(words, key=len, reverse=True)
    latin = "|".join(r"[\s\-_]+".join(map(re.escape, word.split())) for word in longest if not _HAN.search(word))
    han = "|".join(re.escape(word) for word in longest if _HAN.search(word))
    parts = [rf"(?<![a-z0-9])(?:{latin})(?:e?s)?(?:['’]s?)?(?![a-z0-9])" if latin else "", han]
    return re.compile("|".join(part for part in parts if part) or r"(?!)")


def _found(text: str, vocabulary: _Vocabulary, title: bool = False, instructs: bool = False) -> list[_Named]:
    """The kinds that a text names, in order. In a `title` every word for a kind is one.

    "Press ..." is a verb at the start of a sentence in a text that `instructs`, and mostly a machine in a question.
    """
    folded = fold(text)
    out: list[_Named] = []
    for match in _pattern(frozenset(vocabulary.kind_of)).finditer(folded):
        word = _singular(" ".join(re.split(r"[\s\-_]+", match[0])), vocabulary)
        if word is None or (not title and word in vocabulary.verbs and not _is_noun(folded, *match.span(), instructs)):
            continue
        named = _Named(vocabulary.kind_of[word], match.start(), match.end(), _front(folded, match.start(), word))
        # "the press conveyor", 注塑机机械手: the last of neighbours is what is spoken of.
        if out and not folded[out[-1].end : named.start].strip(" -_用"):
            out.pop()
        out.append(named)
    return out


def _singular(word: str, vocabulary: _Vocabulary) -> str | None:
    word = re.sub(r"['’]s?$", "", word)
    return next((form for form in (word, word[:-1], word[:-2]) if form in vocabulary.kind_of), None)


def _is_noun(text: str, start: int, end: int, instructs: bool) -> bool:
    """Whether a word that may be a verb ("press", "lift") names a thing where it stands."""
    before = _WORD.findall(re.split(r"[.!?:;,\n|]", text[:start])[-1])
    behind = _WORD.findall(text[end:])
    if not before:
        return not instructs and not (behind and behind[0] in _BEHIND_A_VERB)
    return before[-1] not in _BEFORE_A_VERB and any(word in _DETERMINERS for word in before[-_FRONT_MOST:])


def _front(text: str, start: int, word: str) -> frozenset[str]:
    """The words right before a kind that belong to it: {"hydraulic"} of "the hydraulic press"; of Chinese all pairs."""
    if _HAN.search(word):
        run = re.search(r"[\u3400-\u9fff]+$", text[:start])
        return frozenset(run[0][at : at + 2] for at in range(len(run[0]) - 1)) if run else frozenset()
    out: list[str] = []
    for before in reversed(re.split(r"\s+", re.split(r"[.,;:!?()\[\]/]", text[:start])[-1].strip())):
        if not before.isalpha() or before in _DETERMINERS or stem(before) in _DOCUMENT_WORDS or len(out) == _FRONT_MOST:
            break
        out.append(stem(before))
    return frozenset(out)


def _own_words(title: str, machine: str | None) -> set[str]:
    """The word for a machine that a title has right beside its model name; what stands before the word is left out."""
    folded = fold(title)
    out: set[str] = set()
    listed = _pattern(frozenset(_listed().kind_of))
    for run in re.findall(r"[\u3400-\u9fff]+", folded):
        for part in _DOCUMENT_WORDS_ZH.split(run):
            if len(part) > 1 and _ENDS_ZH.fullmatch(part) and not listed.search(part):
                out.add(part if part.endswith("机床") else part[-3:])
    pieces = re.findall(r"[a-z\d]+(?:[-_.][a-z\d]+)*|[^\w\s]", folded.replace("_", " "))
    models = {at for at, piece in enumerate(pieces) if _DESIGNATION.fullmatch(piece) or piece == fold(machine or "")}
    for at in models:
        for step in (1, -1):
            words: list[str] = []
            place = at + step
            while 0 <= place < len(pieces) and place not in models and pieces[place].isalpha():
                if stem(pieces[place]) in _DOCUMENT_WORDS:
                    break
                words.append(pieces[place])
                place += step
            words = words if step > 0 else words[::-1]
            head = words[-1] if words else ""
            phrase = " ".join(words)
            if (
                len(head) < 4
                or len(words) > 4
                or not _ENDS.search(head)
                or head in _NO_MACHINES
                or listed.search(phrase)
            ):
                continue
            out.add(phrase if head in _SAYS_LITTLE else head)
    return out


def words_for_machines() -> frozenset[str]:
    """The listed words for kinds of machines, folded, in both languages."""
    return frozenset(_listed().kind_of)


class KindFinder:
    """Knows the kinds of the machines of one index.

    `openings` are how its documents open, `machines` the names of its machines, `described` (machine, text) pairs of what
    fault reports say a machine is.
    """

    def __init__(
        self, openings: Iterable[Opening], machines: Sequence[str] = (), described: Iterable[tuple[str, str]] = ()
    ) -> None:
        openings = list(openings)
        own = set().union(*(_own_words(name, o.source.machine) for o in openings for name in _names(o)), set())
        self._vocabulary = _listed().with_own(own)
        self._documents = [_Known(opening, self._kinds(opening)) for opening in openings]
        said: dict[str, list[str]] = {name: [name] for name in machines}
        for machine, text in described:
            said.setdefault(machine, [machine]).append(text)
        self._machines = {
            machine: tuple(named for text in texts for named in _found(text, self._vocabulary, title=True))
            for machine, texts in said.items()
        }

    def subject(self, question: str) -> Subject | None:
        """What a question names by its kind, if it does; `documents` is empty where no document is of that kind."""
        named = _found(question, self._vocabulary)
        if not named:
            return None
        kinds = {one.kind for one in named}
        words = tuple(dict.fromkeys(word for one in named for word in self._vocabulary.words_of[one.kind]))
        of_kind = [known for known in self._documents if kinds & {one.kind for one in known.named}]
        machines = {name for name, there in self._machines.items() if kinds & {one.kind for one in there}}
        of_kind, machines = self._narrowed(named, of_kind, machines)
        machines |= {known.opening.source.machine for known in of_kind if known.opening.source.machine}
        documents = {known.opening.source.document_id for known in of_kind}
        kindless = {
            known.opening.source.document_id
            for known in self._documents
            if not known.named and known.opening.source.machine in machines
        }
        others = {
            known.opening.source.document_id
            for known in self._documents
            if known.opening.source.document_id not in documents | kindless
            and (known.named or self._is_machine(known.opening.source.machine))
        }
        same_length = len(fold(question)) == len(question)
        written = [question[one.start : one.end] for one in named] if same_length else []
        return Subject(
            words=tuple(dict.fromkeys(written)),
            also=words,
            machines=tuple(sorted(machines)),
            documents=frozenset(documents | kindless) if documents or machines else frozenset(),
            others=frozenset(others) if documents or machines else frozenset(),
        )

    def _kinds(self, opening: Opening) -> tuple[_Named, ...]:
        """The first source that tells: the document's names, then its first lines, then its machine's name."""
        found = [named for name in _names(opening) for named in _found(name, self._vocabulary, title=True)[:2]]
        if not found:
            found = self._apposed(opening)
        found += _found(opening.source.machine or "", self._vocabulary, title=True)
        return tuple({(named.kind, named.front): named for named in found}.values())

    def _apposed(self, opening: Opening) -> list[_Named]:
        """Kinds that the first lines put beside the machine's model name, or say the manual is about."""
        text = fold(opening.text)
        out = []
        for named in _found(opening.text, self._vocabulary, title=True):
            before, behind = text[max(0, named.start - 60) : named.start], text[named.end : named.end + 24]
            beside = _DESIGNATION.match(behind.lstrip(" :-–—(（")) or _DESIGNATION.search(before[-14:])
            said = re.search(r"\b(?:manual|instructions?|guide|handbook)\b[^.]*$|(?:手册|说明书)[^。]*$", before)
            if beside or said:
                out.append(named)
        return out[:1]

    def _narrowed(
        self, asked: Sequence[_Named], documents: list[_Known], machines: set[str]
    ) -> tuple[list[_Known], set[str]]:
        """Those whose own words before the kind are asked for, where any are: "the hydraulic press" of two presses."""
        wanted = frozenset().union(*(one.front for one in asked))

        def fits(named: Iterable[_Named]) -> int:
            return max((len(one.front & wanted) for one in named), default=0)

        best = max(
            [fits(known.named) for known in documents] + [fits(self._machines[name]) for name in machines], default=0
        )
        if not wanted or not best:
            return documents, machines
        kept = [known for known in documents if fits(known.named) == best]
        return kept, {name for name in machines if fits(self._machines[name]) == best}

    def _is_machine(self, name: str | None) -> bool:
        """Whether a name can only be a machine's; documents may lie in folders such as "general" as well."""
        return name is not None and (bool(_DESIGNATION.search(fold(name))) or bool(self._machines.get(name)))


def _names(opening: Opening) -> list[str]:
    """What a document is called: title, file name without separators, first heading."""
    stem_of_file = opening.source.document_id.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    names = [opening.source.title, stem_of_file, *opening.heading[:1]]
    return list(dict.fromkeys(name.replace("_", " ") for name in names if name.strip()))


def is_of(subject: Subject, chunk: Chunk) -> bool:
    """Whether a passage belongs to the machines that a question names by kind."""
    if chunk.kind is ChunkKind.FAULT_REPORT:
        return chunk.source.machine in subject.machines
    return chunk.source.document_id in subject.documents


def is_of_another(subject: Subject, chunk: Chunk) -> bool:
    """Whether a passage belongs to a machine of another kind; documents of no machine do not."""
    if is_of(subject, chunk):
        return False
    if chunk.kind is ChunkKind.FAULT_REPORT:
        return chunk.source.machine is not None and bool(subject.machines)
    return chunk.source.document_id in subject.others


def speaks_of(subject: Subject, chunk: Chunk) -> bool:
    """Whether a passage, its headings or its document's title name the kind: another machine may have one as a part."""
    vocabulary = _listed().with_own(subject.also)
    wanted = {vocabulary.kind_of[word] for word in subject.also}
    return any(
        named.kind in wanted for named in _found("\n".join((*chunk.heading, chunk.text)), vocabulary, instructs=True)
    )
