"""Text recognition of page images with the `tesseract` program, where it is installed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from indexer.readers.limits import ReadLimits
from indexer.readers.pdf_layout import Piece
from indexer.readers.text_tools import clean_text, is_cjk
from indexer.types import PlacedWord


@dataclass(frozen=True, slots=True)
class Recognised:
    """What was recognised of a page: its lines as pieces, its single words, and the mean confidence, 0..1."""

    pieces: list[Piece]
    words: tuple[PlacedWord, ...]
    confidence: float


_NOTHING = Recognised([], (), 0.0)


@lru_cache(maxsize=1)
def available_languages() -> frozenset[str]:
    """Languages the installed program knows; empty where it or its Python wrapper is missing."""
    if shutil.which("tesseract") is None:
        return frozenset()
    try:
        import pytesseract

        return frozenset(pytesseract.get_languages(config=""))
    except (ImportError, OSError, RuntimeError):
        return frozenset()


def usable_languages(limits: ReadLimits) -> str:
    """The wanted languages that are installed, joined by "+"; empty when OCR is off or impossible."""
    if not limits.ocr:
        return ""
    installed = available_languages()
    return "+".join(name for name in limits.ocr_languages.split("+") if name in installed)


def recognise(image: Any, scale: float, limits: ReadLimits) -> Recognised:
    """Lines and words of a page image (PIL, `scale` pixels to the point), placed in points.

    Nothing recognised, or the program failing or taking too long, gives none and confidence 0.
    """
    import pytesseract

    try:
        found = pytesseract.image_to_data(
            image, lang=usable_languages(limits), config=f"--psm 3 --dpi {limits.ocr_dpi}",
            output_type=pytesseract.Output.DICT, timeout=limits.ocr_timeout_s,
        )  # fmt: skip
    except (pytesseract.TesseractError, RuntimeError, OSError):
        return _NOTHING
    lines: dict[tuple[int, int, int], list[PlacedWord]] = {}
    weights: list[tuple[float, int]] = []
    for i, raw in enumerate(found["text"]):
        text, confidence = clean_text(str(raw)).strip(), float(found["conf"][i])
        if not text or confidence < 0:
            continue
        weights.append((confidence, len(text)))
        x, y = found["left"][i] / scale, found["top"][i] / scale
        key = (found["block_num"][i], found["par_num"][i], found["line_num"][i])
        word = PlacedWord(text, x, y, x + found["width"][i] / scale, y + found["height"][i] / scale)
        lines.setdefault(key, []).append(word)
    total = sum(n for _, n in weights)
    if not total:
        return _NOTHING
    pieces = [piece for line in lines.values() for piece in _line_pieces(line)]
    words = tuple(word for line in lines.values() for word in line)
    return Recognised(pieces, words, max(0.0, min(1.0, sum(c * n for c, n in weights) / total / 100.0)))


def _line_pieces(words: list[PlacedWord]) -> list[Piece]:
    """One recognised line, cut where the gap is too wide for a space."""
    height = sorted(word.bottom - word.top for word in words)[len(words) // 2]
    out: list[Piece] = []
    for word in words:
        last = out[-1] if out else None
        if last is not None and word.x0 - last.x1 < 2.0 * height:
            tight = is_cjk(last.text[-1]) and is_cjk(word.text[0])
            last.text += word.text if tight else " " + word.text
            last.x1, last.top = max(last.x1, word.x1), min(last.top, word.top)
            last.bottom = max(last.bottom, word.bottom)
        else:
            out.append(Piece(word.text, word.x0, word.top, word.x1, word.bottom, height, False))
    return out
