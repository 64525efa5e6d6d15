"""Chinese tokens for an English WordPiece vocabulary. English text keeps the very tokens it had.

Every Chinese character becomes a token of its own: BERT's tokeniser already sets them apart, most are merely unknown.
Frequent words get a token too, matched from the left, longest first, before the tokeniser cuts into characters; so do
signs such as full-width letters and units. Traditional characters and full-width forms share the vector of their
simplified or plain form.
"""

from __future__ import annotations

import copy
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from finetune.errors import BodyError

FORMAT = 1
_SIGNS = (
    "，。、；：？！“”‘’（）【】《》〈〉「」『』〔〕—…·～￥％＋－＝＜＞／＼＿＃＆＊＠｛｝［］｜＄＾｀"
    "℃℉Ω㎜㎝㎞㎡㎥㎏㎎㏄㎐㎑㎒ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ①②③④⑤⑥⑦⑧⑨⑩⑪⑫→←↑↓⇒±×÷≤≥≠≈°′″µμΦφ∅√∞△▲▼●○■□◆◇★☆※№‰∠⊥"
)
_FULL_WIDTH = "".join(chr(code) for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tokens added to the body's own, in the order of their ids. `aliases` maps a token to the one it shares a row with.

    `characters` are single Chinese characters, `words` two to four of them, `signs` anything else. A target of an alias
    is a token of the unchanged vocabulary or one of ours that is no alias itself. `relearnt` are Chinese characters that
    the unchanged vocabulary holds without knowing what they mean: they keep their ids and get new rows.
    """

    characters: tuple[str, ...]
    words: tuple[str, ...]
    signs: tuple[str, ...]
    aliases: Mapping[str, str]
    relearnt: tuple[str, ...] = ()

    @property
    def tokens(self) -> tuple[str, ...]:
        """All added tokens, ids ascending."""
        return (*self.characters, *self.words, *self.signs)

    @property
    def row_names(self) -> tuple[str, ...]:
        """What each of the body's new rows stands for: the added tokens, then the relearnt ones."""
        return (*self.tokens, *self.relearnt)

    def write(self, path: Path) -> None:
        """Write as JSON."""
        content = {"format": FORMAT, **asdict(self)}
        path.write_text(json.dumps(content, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Read what `write` wrote. Raises BodyError when it is missing or not ours."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise BodyError(f"{path} has format {content['format']}, this program reads {FORMAT}; reinstall it")
            return cls(
                tuple(content["characters"]), tuple(content["words"]), tuple(content["signs"]), dict(content["aliases"]),
                tuple(content["relearnt"]),
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BodyError(f"The vocabulary {path} cannot be read ({error}); reinstall the program") from error


def is_hanzi(character: str) -> bool:
    """A Chinese character of the two blocks in everyday use."""
    return "\u4e00" <= character <= "\u9fff" or "\u3400" <= character <= "\u4dbf"


def select(
    texts: Iterable[str],
    known: Mapping[str, int],
    *,
    max_words: int = 8_000,
    min_count: int = 20,
    terms: Sequence[str] = (),
    others: Iterable[str] = (),
    traditional: Mapping[str, str] | None = None,
    is_unknown: Callable[[str], bool] = lambda sign: True,
) -> Vocabulary:
    """Choose the tokens to add to a vocabulary `known`.

    Characters: all of GB 2312, and those of `texts` and `others`. Words: the most frequent of two to four characters in
    `texts` as jieba cuts them, and all of `terms` of that length. `traditional` maps traditional characters to simplified
    ones. A sign is added only if `is_unknown` says that the unchanged tokeniser cannot read it.
    """
    import jieba

    jieba.setLogLevel("ERROR")
    counts: Counter[str] = Counter()
    seen: set[str] = set()
    for text in texts:
        counts.update(w for w in jieba.cut(text) if 2 <= len(w) <= 4 and all(map(is_hanzi, w)))
        seen.update(filter(is_hanzi, text))
    for text in others:
        seen.update(filter(is_hanzi, text))
    mapping = dict(traditional or {})
    plain = sorted((_gb2312() | seen | set(mapping.values())) - set(known) - set(mapping))
    reachable = set(plain) | set(known)
    mapping = {t: s for t, s in sorted(mapping.items()) if s in reachable and s not in mapping}
    shared = [t for t in mapping if t not in known]
    own_terms = {t for t in terms if 2 <= len(t) <= 4 and all(map(is_hanzi, t))}
    common = [w for w, n in counts.most_common(max_words) if n >= min_count]
    words = tuple(sorted(set(common) | own_terms))
    signs, aliases = [], dict(mapping)
    for sign in dict.fromkeys(_SIGNS + _FULL_WIDTH):
        if sign in known or not is_unknown(sign):
            continue
        signs.append(sign)
        same = unicodedata.normalize("NFKC", sign).lower()
        if same in known:
            aliases[sign] = same
    relearnt = tuple(sorted(token for token in known if _is_one_hanzi(token) and token not in mapping))
    return Vocabulary((*plain, *shared), words, tuple(signs), aliases, relearnt)


def _is_one_hanzi(token: str) -> bool:
    return len(token) == 1 and is_hanzi(token)


def _gb2312() -> set[str]:
    """The 6,763 characters of the standard of simplified Chinese."""
    out = set()
    for row in range(0xB0, 0xF8):
        for cell in range(0xA1, 0xFF):
            try:
                out.add(bytes((row, cell)).decode("gb2312"))
            except UnicodeDecodeError:
                continue
    return out


def extended_tokenizer(tokenizer: Mapping[str, Any], vocabulary: Vocabulary) -> dict[str, Any]:
    """The content of a `tokenizer.json` with the added tokens, ids following the old ones.

    Characters join the model's vocabulary, since the normaliser isolates them; words and signs become added tokens,
    which are matched before anything else is done to the text.
    """
    content = copy.deepcopy(dict(tokenizer))
    known = content["model"]["vocab"]
    first = len(known)
    both = [token for token in vocabulary.tokens if token in known]
    if both:
        raise BodyError(f"{both[0]!r} is in the body's vocabulary already; select the vocabulary for this body again")
    for number, token in enumerate(vocabulary.tokens, first):
        if number < first + len(vocabulary.characters):
            known[token] = number
        else:
            content["added_tokens"].append(
                {"id": number, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
                 "normalized": False, "special": False}
            )  # fmt: skip
    return content


def row_sources(vocabulary: Vocabulary, known: Mapping[str, int]) -> list[int]:
    """For every id of the extended vocabulary the row it reads, old rows first, then those of `Vocabulary.row_names`."""
    ids = {token: number for number, token in enumerate(vocabulary.tokens, len(known))}
    ids |= known
    relearnt = {token: number for number, token in enumerate(vocabulary.relearnt, len(known) + len(vocabulary.tokens))}
    rows = list(range(len(known) + len(vocabulary.tokens)))
    for token, row in relearnt.items():
        rows[known[token]] = row
    for token, target in vocabulary.aliases.items():
        rows[ids[token]] = rows[ids[target]]
    return rows
