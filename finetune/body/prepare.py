"""All training data tokenised once, with the teacher's vectors, in one folder.

vocabulary.json, tokenizer.json    the tokens of the body to be
rows.npy                           (new rows, d) first vectors; random_rows.npy the same at random, to compare with
NAME.npz                           pairs, long, english, reading: token ids (flat, with offsets) and vectors
card.json                          sources, licences and counts; written last
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from finetune.body import corpus
from finetune.body.initialise import aligned_rows, random_rows
from finetune.body.parent import WORDS, tokenizer_of, weights_of
from finetune.body.vocabulary import extended_tokenizer, row_sources, select
from finetune.errors import BodyError
from indexer.embedders import OnnxEmbedder
from indexer.model_folder import resolve_model

MAX_TOKENS = 256
SHORT_TOKENS = 96


@dataclass(frozen=True, slots=True)
class Ragged:
    """Lists of token ids: list i is flat[offsets[i]:offsets[i + 1]]."""

    flat: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]]) -> Ragged:
        """Pack lists."""
        offsets = np.cumsum([0, *map(len, lists)], dtype=np.int64)
        flat = np.fromiter((t for some in lists for t in some), dtype=np.int32, count=int(offsets[-1]))
        return cls(flat, offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> npt.NDArray[np.int32]:
        return self.flat[self.offsets[i] : self.offsets[i + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each list."""
        return np.diff(self.offsets)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Where the data lie. `traditional` is a file of "traditional<TAB>simplified" lines, or None."""

    pairs: Path
    chinese_reading: Path | None
    english_reading: tuple[Path, ...]
    traditional: Path | None


def prepare(
    inputs: Inputs, target: Path, settings: corpus.CorpusSettings, report: Callable[[str], None] = print
) -> None:
    """Write the folder described above. Raises BodyError when an input is missing. Minutes, most for the teacher."""
    from tokenizers import Tokenizer

    target.mkdir(parents=True, exist_ok=True)
    model = resolve_model()
    plain = tokenizer_of(model)
    known = plain["model"]["vocab"]

    by_source = corpus.sentence_pairs(inputs.pairs, settings)
    pairs = corpus.chosen_pairs(by_source, settings) + corpus.made_up_pairs(settings.made_up, settings.seed)
    long = list(corpus.long_pairs(by_source, len(pairs) // 25, settings))
    reading = corpus.reading(inputs.chinese_reading, "cmrc2018") if inputs.chinese_reading else []
    passages = corpus.english_passages(inputs.english_reading, 20_000, settings.seed)
    report(f"{len(pairs)} pairs of {len(by_source)} sources, {len(long)} passages, {len(reading)} questions")

    terms = [pair.chinese for pair in pairs if pair.source == "glossary"] if settings.words else []
    old = Tokenizer.from_file(str(model.tokenizer))
    vocabulary = select(
        [p.chinese for p in dict.fromkeys(pairs)], known, max_words=settings.words, terms=terms, others=[r.passage for r in reading],
        traditional=_traditional(inputs.traditional), is_unknown=lambda sign: "[UNK]" in old.encode(sign).tokens,
    )  # fmt: skip
    vocabulary.write(target / "vocabulary.json")
    content = extended_tokenizer(plain, vocabulary)
    (target / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    tokenizer = Tokenizer.from_file(str(target / "tokenizer.json"))
    tokenizer.no_padding()
    report(
        f"{len(vocabulary.characters)} characters, {len(vocabulary.words)} words, {len(vocabulary.signs)} signs added"
    )

    def ids(texts: Sequence[str], limit: int) -> Ragged:
        tokenizer.enable_truncation(limit)
        return Ragged.of([encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))])

    embedder = OnnxEmbedder(cache_dir=target / "cache")

    def teacher(texts: Sequence[str], name: str) -> npt.NDArray[np.float16]:
        key = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
        kept = target / f"teacher_{key}.npy"  # minutes of work, kept for a second run
        if kept.is_file():
            found: npt.NDArray[np.float16] = np.load(kept)
            return found
        show = _percent(f"teacher: {name}", len(texts), report)
        vectors = embedder.embed_documents(list(texts), show).astype(np.float16)
        np.save(kept.with_suffix(".part.npy"), vectors)
        kept.with_suffix(".part.npy").replace(kept)
        return vectors

    tokens = ids([p.english for p in pairs], SHORT_TOKENS), ids([p.chinese for p in pairs], SHORT_TOKENS)
    base = weights_of(model)[WORDS]
    names = vocabulary.row_names
    sources = row_sources(vocabulary, known)
    # Characters inside words count too: the same pairs once more, without the tokens of words.
    tokenizer_of_characters = Tokenizer.from_str(json.dumps(content | {"added_tokens": plain["added_tokens"]}))
    tokenizer_of_characters.no_padding()
    tokenizer_of_characters.enable_truncation(SHORT_TOKENS)
    by_character = [e.ids for e in tokenizer_of_characters.encode_batch_fast([p.chinese for p in pairs])]
    occurring = [
        [sources[t] - len(known) for t in (*tokens[1][i].tolist(), *by_character[i]) if sources[t] >= len(known)]
        for i in range(len(pairs))
    ]
    english = [tokens[0][i].tolist() for i in range(len(pairs))]
    np.save(target / "rows.npy", aligned_rows(base, english, occurring, names, settings.seed))
    np.save(target / "random_rows.npy", random_rows(base, len(names), settings.seed))

    _save(target / "pairs.npz", teacher([p.english for p in pairs], "pairs"), english=tokens[0], chinese=tokens[1])
    _save(target / "long.npz", teacher([p.english for p in long], "passages"),
          english=ids([p.english for p in long], MAX_TOKENS), chinese=ids([p.chinese for p in long], MAX_TOKENS))  # fmt: skip
    _save(target / "english.npz", teacher(passages, "English"), english=ids(passages, MAX_TOKENS))
    _save(target / "reading.npz", None, question=ids([r.question for r in reading], SHORT_TOKENS),
          passage=ids([r.passage for r in reading], MAX_TOKENS), other=ids([r.other for r in reading], MAX_TOKENS))  # fmt: skip
    card = {
        "settings": asdict(settings), "parent_sha256": model.weights_sha256(), "pairs": dict(Counter(p.source for p in pairs)),
        "long": len(long), "english": len(passages), "reading": len(reading),
        "vocabulary": {"characters": len(vocabulary.characters), "words": len(vocabulary.words), "signs": len(vocabulary.signs)},
    }  # fmt: skip
    (target / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def load(folder: Path, name: str) -> tuple[dict[str, Ragged], npt.NDArray[np.float16] | None]:
    """What `prepare` wrote under a name: token ids by column, and the teacher's vectors where there are any."""
    try:
        with np.load(folder / f"{name}.npz") as file:
            columns = {
                key[:-5]: Ragged(file[key], file[key[:-5] + "_offsets"]) for key in file.files if key.endswith("_flat")
            }
            return columns, file["teacher"] if "teacher" in file.files else None
    except (OSError, ValueError, KeyError) as error:
        raise BodyError(f"The prepared data {folder / name}.npz cannot be read ({error}); prepare it again") from error


def _save(path: Path, teacher: npt.NDArray[np.float16] | None, **columns: Ragged) -> None:
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for name, ragged in columns.items():
        arrays |= {f"{name}_flat": ragged.flat, f"{name}_offsets": ragged.offsets}
    if teacher is not None:
        arrays["teacher"] = teacher
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _traditional(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    lines = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines() if "\t" in line)
    return {t: s.split()[0] for t, s in lines if len(t) == 1 and t != s.split()[0] and _frequent_in_big5(t)}


def _frequent_in_big5(character: str) -> bool:
    """One of the 5,401 characters of the first level of Big5, those in everyday use."""
    try:
        return b"\xa4\x40" <= character.encode("big5") <= b"\xc6\x7e"
    except UnicodeEncodeError:
        return False


def _percent(name: str, total: int, report: Callable[[str], None]) -> Callable[[int], None]:
    last = -1

    def show(done: int) -> None:
        nonlocal last
        share = 100 * done // max(1, total)
        if share // 10 != last:
            last = share // 10
            report(f"{name}: {share} %")
            sys.stdout.flush()

    return show
