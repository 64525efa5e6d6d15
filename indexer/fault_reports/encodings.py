"""Which encoding a text export is in. Reads the file in blocks, keeps nothing."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

_BLOCK = 1 << 20
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")


def sniff_encoding(path: Path) -> str:
    """Return a codec name that decodes the whole file: by its mark, then UTF-8, UTF-16, GB18030, Windows-1252.

    GB18030 and Windows-1252 would both take most files. Chinese bytes above 127 come in pairs and longer runs, an
    umlaut stands alone among ASCII letters: so the lengths of the runs decide.
    """
    with path.open("rb") as file:
        start = file.read(_BLOCK)
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in start:
        # Delimiters and line ends are ASCII, so one byte of every such pair is zero.
        odd = start[1::2].count(0)
        return "utf-16-le" if odd >= start[0::2].count(0) else "utf-16-be"
    if _decodes(path, "utf-8"):
        return "utf-8"
    runs = [len(run) for run in _HIGH_RUN.findall(start)]
    paired = sum(length for length in runs if length > 1)
    if runs and paired >= 0.7 * sum(runs) and _decodes(path, "gb18030"):
        return "gb18030"
    return "cp1252" if _decodes(path, "cp1252") else "latin-1"


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
