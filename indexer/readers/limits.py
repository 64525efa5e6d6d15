"""Bounds that keep one hostile or huge file from taking the build down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

PageProgress = Callable[[int, int], None]
"""Told which page, 1-based, of how many is being read; only readers that read page by page tell it."""


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What a reader may spend on one file. Sizes in bytes unless the name says otherwise.

    `max_zip_ratio` is unpacked size over packed size of one member, judged only for members above 1 MB.
    `ocr` switches text recognition on for pages without text; it is used only where the `tesseract` program exists.
    """

    max_file_bytes: int = 1_000_000_000
    max_pages: int = 20_000
    max_unzipped_bytes: int = 1_000_000_000
    max_zip_members: int = 20_000
    max_zip_ratio: float = 300.0
    max_cell_characters: int = 1_000_000
    max_rows: int = 2_000_000
    max_nodes: int = 5_000_000
    ocr: bool = True
    ocr_languages: str = "eng+chi_sim"
    ocr_dpi: int = 300
    ocr_timeout_s: float = 120.0
