"""Beside the cited page: its figures as thumbnails, and on a scan the quoted words marked or said not to be."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from copilot.sample_plant import plant_folder
from indexer.scanned_words import write_words
from indexer.types import PlacedWord
from tests.made_answers import chunk, source
from ui.figures import draw_figures
from ui.pages import PageImages, draw_page
from ui.viewer import Place, viewer_html
from ui.words import words_for

EN, ZH = words_for("en"), words_for("zh")
MANUAL = plant_folder() / "HP-200/HP-200_operating_manual.pdf"
QUOTE = "Cushion flange screws: M20, tightened with 390 Nm"
SCAN, DRAWING = 20, 6


class Documents:
    """One PDF, its passages read by OCR or not."""

    def __init__(self, file: Path, ocr: bool):
        self._file, self._ocr = file, ocr

    def file(self, document_id):
        return self._file

    def chunk(self, chunk_id):
        from dataclasses import replace

        return replace(chunk(QUOTE), ocr=self._ocr)


def shown(file: Path, page: int, ocr: bool, words=EN):
    place = Place(source(), (page, page), QUOTE, "Source 1", "c1")
    return BeautifulSoup(viewer_html(place, Documents(file, ocr), PageImages(), words), "html.parser")


@pytest.fixture
def scanned(tmp_path):
    """The manual as the home folder keeps it, with the place of some words of its scanned page."""
    file = tmp_path / f"{'b' * 64}.pdf"
    shutil.copyfile(MANUAL, file)
    placed = [
        PlacedWord(word, 100 + 40 * place, 200, 136 + 40 * place, 212) for place, word in enumerate(QUOTE.split())
    ]
    write_words(file, {SCAN: placed})
    return file


def test_a_quote_is_marked_on_a_scan_where_its_words_are_known(scanned):
    drawn = draw_page(scanned, [SCAN], QUOTE, width=595)
    assert drawn.share == 1.0 and len(drawn.boxes) == 1
    x0, top, x1, bottom = drawn.boxes[0]
    assert (round(x0), round(top), round(bottom)) == (100, 200, 212) and x1 > 400
    page = shown(scanned, SCAN, ocr=True)
    assert "Read from a scan" in page.text and "not marked" not in page.text and not page.select("blockquote")


@pytest.mark.parametrize(("words", "said"), [(EN, "they are quoted here, not marked"), (ZH, "未作标记")])
def test_it_is_said_where_the_words_of_a_scan_cannot_be_marked(words, said):
    page = shown(MANUAL, SCAN, ocr=True, words=words)
    assert said in page.text and page.select_one("blockquote").text == QUOTE


def test_the_figure_of_a_page_is_a_thumbnail_to_tap():
    from PIL import Image

    page = shown(MANUAL, DRAWING, ocr=False)
    button = page.select_one("[data-fc=figure]")
    assert (button["data-close"], button.img["alt"]) == ("Close", "Figure 1 of 1 on this page")
    assert not shown(MANUAL, 13, ocr=False).select("[data-fc=figure]")
    (figure,) = draw_figures(MANUAL, DRAWING)
    picture = Image.open(io.BytesIO(figure.data))
    assert picture.size == (figure.width, figure.height) and figure.media == "image/png" and len(figure.data) < 60_000


def test_figures_nearest_to_the_marks_come_first(tmp_path):
    from reportlab.pdfgen.canvas import Canvas

    from tests.indexer.readers.test_pdf_figures import picture

    path = tmp_path / "two.pdf"
    canvas = Canvas(str(path), pagesize=(595, 842))
    canvas.drawImage(picture(), 100, 600, 300, 150)
    canvas.drawImage(picture(20), 100, 100, 300, 150)
    canvas.save()
    tops = [round(one.box[1]) for one in draw_figures(path, 1, [(60.0, 700.0, 300.0, 712.0)])]
    assert tops == [586, 86]
    images = PageImages()
    drawn = images.draw(path, [1])
    assert images.figures(path, drawn) is images.figures(path, drawn)


def test_a_page_that_is_not_there_has_no_figures(tmp_path):
    with pytest.raises(ValueError, match="has no page 99"):
        draw_figures(MANUAL, 99)
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 nothing more")
    with pytest.raises(ValueError, match="cannot be shown"):
        draw_figures(broken, 1)
