"""The marks on a page cover the quote's words: every quote of the sample plant's PDFs, English and Chinese."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest

from copilot.sample_plant import plant_folder
from indexer.readers.pdf_text import PDFIUM_LOCK, read_content
from ui.marks import find_marks
from ui.pages import PageImages, draw_page

PRESS = "HP-200/HP-200_operating_manual.pdf"
COMPRESSOR = "AC-75/AC-75_manual_zh.pdf"
STEPS = (
    "1. Select set-up mode with S15 and the setter key.\n"
    "2. Lower the slide onto the closed tool until the force shown on page 1 is between 15 kN and 25 kN."
)
ROW = (
    "Code: E-207\nMeaning: Accumulator pressure drops too fast\n"
    "Cause: Precharge lost, valve V17 not closed, cushion seal leaking\n"
    "Remedy: Close V17; check the precharge after section 7.6; replace the cushion seal kit"
)
CASES = [
    (PRESS, 10, STEPS),
    (PRESS, 13, ROW),
    (
        PRESS,
        13,
        "A hose is replaced at once when it shows cracks, blisters, chafing down to the braid or a damp fitting.",
    ),
    (COMPRESSOR, 10, "1. 上锁挂牌，确认罐内压力为零。\n2. 拆下端盖上的回油管，做好标记。"),
    (COMPRESSOR, 10, "8. 开机检查，压差应低于 0.02 MPa。"),
]


@dataclass
class Char:
    text: str
    x0: float
    top: float
    x1: float
    bottom: float


def page_of(*lines: tuple[float, float, str]) -> list[Char]:
    """Characters 6 points wide and 10 high, in the order written; blanks have no box."""
    return [
        Char(letter, x + 6 * place, y, x + 6 * place + 6, y + 10)
        for x, y, text in lines
        for place, letter in enumerate(text)
        if letter != " "
    ]


def chars_of(document: str, page: int):
    import pypdfium2

    with PDFIUM_LOCK:
        pdf = pypdfium2.PdfDocument(plant_folder() / document)
        opened = pdf[page - 1]
        content = read_content(opened, opened.get_textpage())
        pdf.close()
    return content.chars


def letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def inside(chars, boxes) -> str:
    """The letters and digits whose middle lies in a box."""
    out = []
    for char in chars:
        x, y = (char.x0 + char.x1) / 2, (char.top + char.bottom) / 2
        if any(x0 <= x <= x1 and top <= y <= bottom for x0, top, x1, bottom in boxes):
            out.append(char.text)
    return letters("".join(out))


@pytest.mark.parametrize(("document", "page", "quote"), CASES)
def test_the_marks_cover_the_quoted_words_and_nothing_else(document, page, quote):
    chars = chars_of(document, page)
    marks = find_marks(chars, quote)
    names = ("Code", "Meaning", "Cause", "Remedy") if quote == ROW else ()
    wanted = letters("".join(line.partition(": ")[2] if names else line for line in quote.splitlines()))
    assert inside(chars, marks.boxes) == wanted


def test_a_cell_is_marked_in_the_row_that_is_meant():
    """ "Technician" and "7.5" stand in several rows of the table of intervals."""
    chars = chars_of(PRESS, 11)
    marks = find_marks(chars, "Interval: 4,000 h\nWork: Change the oil, clean the tank\nBy: Technician\nSection: 7.5")
    assert inside(chars, marks.boxes) == letters("4,000hChange the oil, clean the tankTechnician7.5")
    tops = {round(top) for _, top, _, _ in marks.boxes}
    assert max(tops) - min(tops) < 4


def test_the_surroundings_tell_equal_places_apart():
    chars = page_of((0, 0, "pump off"), (0, 20, "close valve"), (0, 100, "tank full"), (0, 120, "close valve"))
    assert find_marks(chars, "close valve", before="pump off").boxes[0][1] == 20
    assert find_marks(chars, "close valve", before="tank full").boxes[0][1] == 120


def test_a_quote_over_two_lines_has_a_box_for_each():
    chars = page_of((0, 0, "Open the"), (0, 20, "valve slowly"))
    assert [box[1] for box in find_marks(chars, "Open the valve").boxes] == [0, 20]


def test_a_row_of_cells_is_found_where_its_lines_are_interleaved():
    """A page may draw a table line by line, across its columns."""
    chars = page_of((0, 0, "Filter"), (120, 0, "Change it"), (0, 20, "clogged"), (120, 20, "at once"))
    marks = find_marks(chars, "Filter clogged | Change it at once")
    assert inside(chars, marks.boxes) == letters("Filter Change it clogged at once")


def test_words_that_are_not_there_leave_no_mark():
    chars = page_of((0, 0, "Open the valve"))
    assert find_marks(chars, "refrigerant charge").boxes == ()
    assert find_marks(chars, "···").boxes == ()
    assert find_marks([], "valve").boxes == ()


def test_a_page_is_drawn_with_its_marks_and_kept():
    from PIL import Image

    images = PageImages()
    path = plant_folder() / PRESS
    drawn = images.draw(path, [12, 13, 14], ROW, width=620)
    assert (drawn.page, drawn.pages, drawn.width) == (13, 20, 620)
    picture = Image.open(io.BytesIO(drawn.png)).convert("RGB")
    assert picture.size == (drawn.width, drawn.height)
    inside = picture.crop(tuple(map(int, drawn.boxes[0])))
    pixels = [inside.getpixel((x, y)) for x in range(inside.width) for y in range(inside.height)]
    yellow = sum(1 for red, _, blue in pixels if red > 200 and blue < 150)
    assert yellow > len(pixels) / 3
    assert images.draw(path, [12, 13, 14], ROW, width=620) is drawn
    plain = draw_page(path, [13], width=620)
    assert plain.boxes == () and len(plain.png) < 200_000


def test_what_cannot_be_drawn_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="index the document again"):
        draw_page(tmp_path / "gone.pdf", [1])
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 nothing more")
    with pytest.raises(ValueError, match="cannot be shown"):
        draw_page(broken, [1])
    with pytest.raises(ValueError, match="has no page 99; it has 20"):
        draw_page(plant_folder() / PRESS, [99])
