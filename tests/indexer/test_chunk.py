"""Chunks: within the encoder's limit, never across a heading, with what belongs together kept together."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.chunk import ChunkSettings, chunk_document, embedding_text
from indexer.embedders import ModelTokenCounter
from indexer.model_folder import resolve_model
from indexer.safety_notes import warning_signal
from indexer.types import Block, BlockKind, ChunkKind, Document, DocumentKind, Page, Source

SOURCE = Source("press/manual.pdf", "Press manual", DocumentKind.MANUAL, "HP-200")
H, P, L, T = BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.TABLE


@pytest.fixture(scope="session")
def count():
    return ModelTokenCounter(resolve_model())


def document(*pages):
    return Document(SOURCE, Path("manual.pdf"), tuple(Page(n, "", tuple(blocks)) for n, blocks in enumerate(pages, 1)))


def chunks_of(count, *pages, **sizes):
    return chunk_document(document(*pages), ChunkSettings(**sizes), count)


def heading(text, level=1):
    return Block(H, text, level)


def test_a_chunk_never_crosses_a_heading_and_carries_its_path(count):
    out = chunks_of(
        count, [heading("1 Safety"), Block(P, "Wear gloves."), heading("1.1 Lock-out", 2), Block(P, "Lock it.")]
    )
    assert [(c.heading, c.text) for c in out.chunks] == [
        (("1 Safety",), "Wear gloves."),
        (("1 Safety", "1.1 Lock-out"), "Lock it."),
    ]
    assert out.chunks[0].section != out.chunks[1].section


def test_a_heading_with_nothing_under_it_is_still_found(count):
    out = chunks_of(count, [heading("Wiring diagram"), heading("Index")])
    assert [c.text for c in out.chunks] == ["Wiring diagram", "Index"]


def test_a_procedure_that_fits_is_one_chunk_with_its_warning_and_introduction(count):
    steps = [Block(L, f"{n}. Turn valve V{n} to its stop.") for n in range(1, 9)]
    before = [Block(P, "General remarks on valves. " * 40)]
    out = chunks_of(
        count, [heading("6 Oil"), *before, Block(P, "WARNING: Hot oil."), Block(P, "Proceed as follows:"), *steps]
    )
    whole = [c for c in out.chunks if c.kind is ChunkKind.PROCEDURE]
    assert len(whole) == 1
    assert whole[0].text.startswith("WARNING: Hot oil.\nProceed as follows:\n1. Turn") and whole[0].text.endswith(
        "V8 to its stop."
    )
    assert [(w.signal, w.section) for w in out.warnings] == [("WARNING", whole[0].section)]


def test_a_long_procedure_is_cut_between_steps_across_pages(count):
    steps = [
        Block(L, f"{n}. Loosen screw {n}, measure the gap with a gauge and write the value down.") for n in range(1, 40)
    ]
    out = chunks_of(count, [heading("Gap"), *steps[:20]], steps[20:])
    lines = [line for c in out.chunks for line in c.text.splitlines()]
    assert lines == [step.text for step in steps]
    assert {c.kind for c in out.chunks} == {ChunkKind.PROCEDURE}
    assert any(c.pages == (1, 2) for c in out.chunks) or {c.pages for c in out.chunks} == {(1, 1), (2, 2)}
    assert len({c.section for c in out.chunks}) == 1


def test_code_rows_are_chunks_of_their_own_and_registered(count):
    rows = (("Code", "Meaning", "Remedy"), ("E-201", "Too hot", "Cool"), ("E-202", "Low oil", "Fill"))
    out = chunks_of(count, [heading("Alarms"), Block(T, rows=rows, header_rows=1)])
    assert [c.text for c in out.chunks] == [
        "Code: E-201\nMeaning: Too hot\nRemedy: Cool",
        "Code: E-202\nMeaning: Low oil\nRemedy: Fill",
    ]
    assert [(e.code, e.title, e.page, e.chunk_id, e.machine) for e in out.codes] == [
        ("E-201", "Too hot", 1, out.chunks[0].id, "HP-200"),
        ("E-202", "Low oil", 1, out.chunks[1].id, "HP-200"),
    ]


def test_a_long_table_repeats_its_header_in_every_piece(count):
    rows = [("Part", "Lubricant", "Interval")] + [
        (f"Bearing number {n}", "Lithium grease", f"{n} weeks") for n in range(60)
    ]
    out = chunks_of(count, [heading("Lubrication"), Block(T, rows=tuple(rows), header_rows=1)])
    assert len(out.chunks) > 1
    assert all(c.text.startswith("Part | Lubricant | Interval\n") for c in out.chunks)
    assert sum(len(c.text.splitlines()) - 1 for c in out.chunks) == 60


def test_a_row_too_long_for_a_chunk_repeats_its_key_cell(count):
    rows = (("Code", "Cause"), ("E-1", "The supply is too weak. " * 120), ("E-2", "short"))
    out = chunks_of(count, [heading("Alarms"), Block(T, rows=rows, header_rows=1)])
    long = [c for c in out.chunks if "E-1" in c.text]
    assert len(long) > 2 and all(c.text.startswith("Code: E-1\n") for c in long)
    assert out.codes[0].chunk_id == long[0].id


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("DANGER: High voltage", "DANGER"), ("WARNING! Hot", "WARNING"), ("Caution: slippery", "CAUTION"), ("NOTICE", "NOTICE"),
        ("⚠ WARNING: Hot", "WARNING"), ("危险：高压", "DANGER"), ("警告！断电", "WARNING"), ("注意：小心", "NOTICE"), ("小心：烫", "CAUTION"),
        ("Warnings are listed below", None), ("The danger zone", None), ("注意事项很多的一段话没有冒号", None), ("Warning signs", None),
    ],
)  # fmt: skip
def test_signal_words(text, signal):
    assert warning_signal(text) == signal


def test_chinese_text_is_split_between_sentences(count):
    text = "变频器在运行过程中不得打开端子盖，断电后必须等待十分钟以上才能进行维护作业。" * 20
    out = chunks_of(count, [heading("安全"), Block(P, text)])
    assert len(out.chunks) > 2
    assert "".join(c.text for c in out.chunks) == text
    assert all(c.text.endswith("。") for c in out.chunks)


_blocks = st.lists(
    st.one_of(
        st.builds(lambda t, n: Block(H, t, n), st.text("ab 安全1.", min_size=1, max_size=60), st.integers(1, 4)),
        st.builds(lambda t: Block(P, t), st.text("abc de。安 .:\n", max_size=1500)),
        st.builds(lambda n, t: Block(L, f"{n}. {t}"), st.integers(1, 30), st.text("abc 安", max_size=80)),
        st.builds(
            lambda rows, head: Block(T, rows=tuple(rows), header_rows=head),
            st.lists(st.tuples(*[st.text("E-1 ab", max_size=30)] * 3), min_size=1, max_size=6), st.integers(0, 1),
        ),
    ),
    max_size=12,
)  # fmt: skip


@given(st.lists(_blocks, min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_every_chunk_fits_the_encoder_and_no_character_is_lost(pages):
    count = ModelTokenCounter(resolve_model())
    out = chunk_document(document(*pages), ChunkSettings(), count)
    assert all(count(embedding_text(chunk)) <= 256 for chunk in out.chunks)
    assert len({chunk.id for chunk in out.chunks}) == len(out.chunks)
    kept = "".join("".join(c.text.split()) + "".join("".join(h.split()) for h in c.heading) for c in out.chunks)
    for blocks in pages:
        for block in blocks:
            if block.kind in (P, L):
                assert all(ch in kept for ch in set("".join(block.text.split())))


def test_a_table_of_contents_is_left_out(count):
    titles = ["1 Safety", "2 Oil change", "3 Alarms", "4 Spare parts"]
    contents = [heading("Contents"), *[Block(P, f"{title} ........ {n + 3}") for n, title in enumerate(titles)]]
    body = [block for title in titles for block in (heading(title), Block(P, f"Text of {title}."))]
    out = chunks_of(count, contents, body)
    assert [c.text for c in out.chunks] == ["Contents", *[f"Text of {title}." for title in titles]]


def test_running_text_is_cut_where_the_page_turns(count):
    out = chunks_of(count, [heading("A"), Block(P, "On page one.")], [Block(P, "On page two.")])
    assert [(c.pages, c.text) for c in out.chunks] == [((1, 1), "On page one."), ((2, 2), "On page two.")]


def test_ids_depend_on_content_only(count):
    first = chunks_of(count, [heading("A"), Block(P, "one")])
    second = chunks_of(count, [heading("A"), Block(P, "one")])
    other = chunks_of(count, [heading("A"), Block(P, "two")])
    assert first.chunks == second.chunks and first.chunks[0].id != other.chunks[0].id
