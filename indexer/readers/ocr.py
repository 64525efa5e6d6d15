"""Text recognition of page images with the `tesseract` program, where it is installed."""

from __future__ import annotations

import shutil
from functools import lru_cache
from typing import Any

from indexer.readers.limits import ReadLimits
from indexer.readers.pdf_layout import Piece
from indexer.readers.text_tools import clean_text, is_cjk


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


def recognise(image: Any, limits: ReadLimits) -> tuple[list[Piece], float]:
    """Lines of a page image (PIL, rendered at `limits.ocr_dpi`) as pieces in points, and the mean confidence 0..1.

    Nothing recognised, or the program failing or taking too long, gives ([], 0.0).
    """
    import pytesseract

    try:
        found = pytesseract.image_to_data(
            image, lang=usable_languages(limits), config=f"--psm 3 --dpi {limits.ocr_dpi}",
            output_type=pytesseract.Output.DICT, timeout=limits.ocr_timeout_s,
        )  # fmt: skip
    except (pytesseract.TesseractError, RuntimeError, OSError):
        return [], 0.0
    scale = 72.0 / limits.ocr_dpi
    words: dict[tuple[int, int, int], list[tuple[str, float, float, float, float]]] = {}
    weights: list[tuple[float, int]] = []
    for i, raw in enumerate(found["text"]):
        text, confidence = clean_text(str(raw)).strip(), float(found["conf"][i])
        if not text or confidence < 0:
            continue
        weights.append((confidence, len(text)))
        x, y = found["left"][i] * scale, found["top"][i] * scale
        key = (found["block_num"][i], found["par_num"][i], found["line_num"][i])
        words.setdefault(key, []).append((text, x, y, x + found["width"][i] * scale, y + found["height"][i] * scale))
    total = sum(n for _, n in weights)
    if not total:
        return [], 0.0
    pieces: list[Piece] = []
    for line in words.values():
        pieces.extend(_line_pieces(line))
    return pieces, max(0.0, min(1.0, sum(c * n for c, n in weights) / total / 100.0))


def _line_pieces(words: list[tuple[str, float, float, float, float]]) -> list[Piece]:
    """One recognised line, cut where the gap is too wide for a space."""
    height = sorted(w[4] - w[2] for w in words)[len(words) // 2]
    out: list[Piece] = []
    for text, x0, top, x1, bottom in words:
        last = out[-1] if out else None
        if last is not None and x0 - last.x1 < 2.0 * height:
            tight = is_cjk(last.text[-1]) and is_cjk(text[0])
            last.text += text if tight else " " + text
            last.x1, last.top, last.bottom = max(last.x1, x1), min(last.top, top), max(last.bottom, bottom)
        else:
            out.append(Piece(text, x0, top, x1, bottom, height, False))
    return out
