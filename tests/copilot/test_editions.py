from __future__ import annotations

from dataclasses import replace

import pytest

from copilot.editions import disagreements, editions_cited, newest_first, order, same_document, supersedes
from copilot.types import Citation
from indexer.types import Chunk, ChunkKind, DocumentKind, Hit, Source, Stage


def source(name, title="Pump manual", revision=None, machine="P-1"):
    return Source(name, title, DocumentKind.MANUAL, machine, revision)


def hit(where, text="The seal is replaced every 400 hours.", rank=1, kind=ChunkKind.TEXT):
    return Hit(Chunk(f"{where.document_id}-{text[:9]}", where, (1, 1), (), kind, text), 1.0 / rank, rank, Stage.FUSED)


A, B = source("pump_rev_A.pdf", revision="Rev. A"), source("pump_rev_B.pdf", revision="Rev. B")


@pytest.mark.parametrize(
    ("older", "newer"),
    [("Rev. A", "Rev. C"), ("V1.9", "V1.10"), ("Rev. 2", "V3"), ("2019-12", "2021-03-01"), ("2021-03", "2021-04"), ("Issue 1", "Issue 2")],
)  # fmt: skip
def test_revisions_have_an_order(older, newer):
    assert order(older)[1] < order(newer)[1]
    assert supersedes(replace(B, revision=newer), replace(A, revision=older))
    assert not supersedes(replace(B, revision=older), replace(A, revision=newer))


@pytest.mark.parametrize("revision", [None, "", "final", "draft of May"])
def test_what_states_no_order_is_never_the_newer(revision):
    assert order(revision) is None and not supersedes(replace(B, revision=revision), A)


def test_letters_numbers_and_dates_are_not_compared():
    assert not supersedes(replace(B, revision="2021-03"), A)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (A, B, True),
        (source("泵手册_V1.2.pdf", "泵使用手册 V1.2"), source("泵手册_V2.0.pdf", "泵使用手册 V2.0"), True),
        (source("a.pdf", "Pump manual 2019-05"), source("b.pdf", "Pump manual 2021-03"), True),
        (A, replace(B, machine="P-2"), False),
        (source("x.pdf", "Pump manual"), source("y.pdf", "Valve manual"), False),
        (source("m V2.0.pdf", "BTT V2.0 Manual"), source("m V2.0使用手册.pdf", "BTT V2.0使用手册"), False),
        (A, A, False),
    ],
)
def test_editions_of_one_document(one, other, same):
    assert same_document(one, other) is same


def test_the_newer_edition_wins_and_a_named_one_wins_over_it():
    hits = [hit(A, rank=1), hit(B, rank=2), hit(source("other.pdf", "Valves"), rank=3)]
    assert [h.chunk.source.document_id for h in newest_first("How often?", hits)] == [
        "pump_rev_B.pdf", "other.pdf", "pump_rev_A.pdf",
    ]  # fmt: skip
    assert newest_first("How often, by revision A?", hits)[0].chunk.source is A
    assert [h.rank for h in newest_first("How often?", hits)] == [1, 2, 3]


def cited(where, quote):
    return Citation(1, where, (1, 1), quote, "c")


def test_other_editions_of_what_is_cited_are_named():
    assert editions_cited([cited(B, "x")], [hit(A), hit(B)]) == [(B, A)]
    assert editions_cited([cited(B, "x")], [hit(B), hit(source("v.pdf", "Valves", "Rev. A"))]) == []


def test_the_same_statement_with_another_number_is_a_disagreement():
    quote = "The seal is replaced every 400 hours."
    (found,) = disagreements([cited(B, quote)], [hit(B), hit(A, "It is red. The seal is replaced every 750 hours.")])
    assert (found.unit.text, found.chunk.source) == ("The seal is replaced every 750 hours.", A)
    row = "400 h | Replace the nozzle filters | 30"
    table = "Interval | Work | Station\n250 h | Oil the chain | 50\n750 h | Replace the nozzle filters | 30"
    (found,) = disagreements([cited(B, row)], [hit(A, table, kind=ChunkKind.TABLE)])
    assert found.unit.text.startswith("750 h")


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (A, "The seal is replaced every 400 hours."),
        (A, "The seal is cleaned every 750 hours."),
        (B, "The seal is replaced every 750 hours."),
        (source("pump2.pdf", "Pump manual", machine="P-2"), "The seal is replaced every 750 hours."),
    ],
)
def test_the_same_number_other_words_another_machine_are_none(where, text):
    assert list(disagreements([cited(B, "The seal is replaced every 400 hours.")], [hit(where, text)])) == []
