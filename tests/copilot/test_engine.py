from __future__ import annotations

import re

import pytest
from fakes_knowledge import CHUNKS, LOG, FakeKnowledge, WordEmbedder, WordRetriever, chunk
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.cite import is_verbatim, markers
from copilot.engine import Copilot
from copilot.evidence import EvidenceJudge
from copilot.generate.extractive import ExtractiveGenerator
from copilot.types import Answer, AnswerStatus, Citation, Piece, Question
from copilot.understand import Understander
from finetune.router import SeedRouter, load_routes
from indexer.types import ChunkKind, Stage

ROUTES = load_routes()


def copilot(knowledge=None, embedder=None, **parts):
    knowledge = knowledge or FakeKnowledge()
    return Copilot(
        **{
            "knowledge": knowledge,
            "understander": Understander(knowledge, SeedRouter(ROUTES), ROUTES),
            "retriever": WordRetriever(knowledge),
            "judge": EvidenceJudge(embedder),
            "generator": ExtractiveGenerator(knowledge, embedder),
            **parts,
        }
    )


COPILOT = copilot()


def ask(text, machine=None):
    return COPILOT.ask(Question(text, machine))


def cited(answer):
    return [citation.chunk_id for citation in answer.citations]


# --- codes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["What does alarm E-207 mean?", "e207", "Err 207?", "报警 E-207 是什么意思"])
def test_a_code_gives_its_row_and_no_other(question):
    answer = ask(question)
    assert answer.status is AnswerStatus.ANSWERED and answer.evidence_score == 1.0
    assert (
        "Meaning: Spindle overheated [1]" in answer.text
        and "Remedy: Clean the filter and check the fan. [1]" in answer.text
    )
    assert "Door" not in answer.text and cited(answer)[0] == "e207"


def test_a_fault_question_tells_what_fixed_it_last_time():
    answer = ask("What does alarm E-207 mean?")
    assert "Last time:\n• 2024-03-01, HP-200" in answer.text and "filter replaced" in answer.text
    assert cited(answer) == ["e207", "r1"]


def test_a_row_of_a_larger_table_is_labelled_and_alone():
    answer = ask("what does alarm 302 mean")
    assert answer.text == "Alarm: 302 [1]\nMeaning: Encoder battery low [1]\nRemedy: Replace the battery [1]"
    assert answer.citations[0].quote == "302 | Encoder battery low | Replace the battery"


def test_equal_families_are_listed_with_their_context():
    answer = ask("alarm 301")
    assert "Joint limit reached" in answer.text and "Gripper pressure low" in answer.text
    assert "— RX-7 Robot > Robot Manual > Gripper alarms" in answer.text


def test_the_words_of_the_question_choose_the_family():
    answer = ask("alarm 301 of the gripper")
    assert "Gripper pressure low" in answer.text and "Joint" not in answer.text


def test_a_slip_is_suggested_not_answered():
    answer = ask("What is E-270?")
    assert answer.status is AnswerStatus.NO_EVIDENCE and answer.citations == ()
    assert answer.text == "E-270 is not in the documents. Did you mean E-207 (Spindle overheated)?"


def test_another_letter_is_another_code():
    answer = ask("What does X-207 mean?")
    assert answer.status is AnswerStatus.NO_EVIDENCE and "Spindle overheated [" not in answer.text


def test_an_unknown_code_is_said_to_be_unknown():
    answer = ask("what is E-999?")
    assert answer.status is AnswerStatus.NO_EVIDENCE and "E-999 is not in the documents." in answer.text


# --- procedures --------------------------------------------------------------------------------------------------


def test_a_procedure_is_whole_and_in_order_across_pages():
    answer = ask("How do I replace the drive belt?")
    numbers = re.findall(r"^(\d)\.", answer.text, re.MULTILINE)
    assert numbers == ["1", "2", "3", "4", "5", "6"]
    assert cited(answer) == ["belt-1", "belt-2"]
    assert [citation.pages for citation in answer.citations] == [(21, 21), (22, 22)]
    assert [warning.signal for warning in answer.warnings] == ["DANGER", "CAUTION"]
    assert all(line.endswith("]") for line in answer.text.splitlines())


def test_steps_that_overlapping_chunks_repeat_come_once():
    first = chunk(
        "a",
        "1. Open the flap.\n2. Pull the drawer out.",
        heading=("Emptying the tray",),
        kind=ChunkKind.PROCEDURE,
        section=1,
    )
    second = chunk(
        "b",
        "2. Pull the drawer out.\n3. Empty the tray.",
        heading=("Emptying the tray",),
        kind=ChunkKind.PROCEDURE,
        section=1,
    )
    answer = copilot(FakeKnowledge([first, second], [], [], [])).ask("How do I empty the tray?")
    assert re.findall(r"^(\d)\.", answer.text, re.MULTILINE) == ["1", "2", "3"]


def test_of_two_lists_in_a_section_the_right_one_is_given():
    both = chunk(
        "a", "To open the cover:\n1. Turn the key.\n2. Lift the cover.\nTo drain the sump:\n1. Place a pan.\n2. Drain the sump.\n3. Close the plug.",
        heading=("Sump",), kind=ChunkKind.PROCEDURE, section=1,
    )  # fmt: skip
    answer = copilot(FakeKnowledge([both], [], [], [])).ask("How do I drain the sump?")
    assert (
        "Drain the sump. [1]" in answer.text and "Close the plug" in answer.text and "Turn the key" not in answer.text
    )


def test_a_chinese_procedure():
    answer = ask("怎么更换模具？")
    assert answer.text.splitlines()[1:] == [
        "1. 关闭加热并等待料筒冷却。 [1]", "2. 用吊车吊住模具。 [1]", "3. 松开压板螺栓，取下模具。 [1]",
    ]  # fmt: skip
    assert answer.warnings[0].text.startswith("危险：")


# --- values, intervals, lists -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What is the tightening torque of the flange bolts?", "The tightening torque of the flange bolts is 85 Nm. (converted: 85 Nm ≈ 62.7 lbf·ft) [1]"),
        ("What is the rated pressure?", "Item: Rated pressure; Value: 210; Unit: bar (converted: 210 bar ≈ 21 MPa ≈ 3,050 psi) [1]"),
        ("How often must the oil filter be replaced?", "Interval: Every 500 h; Job: Replace the oil filter; Who: Technician [1]"),
        ("液压油容量是多少？", "液压油的容量是180升。 [1]"),
        ("润滑油多久更换一次？", "润滑油每6个月更换一次。 [1]"),
    ],
)  # fmt: skip
def test_values_and_intervals(question, text):
    assert ask(question).text == text


def test_a_value_is_converted_for_chinese_readers_within_the_metric_system():
    where = chunk("a", "排气压力为 0.8 MPa。", heading=("参数",))
    answer = copilot(FakeKnowledge([where], [], [], [])).ask("排气压力是多少？")
    assert answer.text == "排气压力为 0.8 MPa。（换算：0.8 MPa ≈ 8 bar） [1]"


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("The outlet may be 8 °C higher than the inlet.", "How much higher than the inlet may the outlet be?"),
        ("The vibration may be 7.1 mm/s at most.", "How many mm/s of vibration may there be at most?"),
    ],
)
def test_differences_of_temperature_and_speeds_are_not_converted(text, question):
    answer = copilot(FakeKnowledge([chunk("a", text, heading=("Limits",))], [], [], [])).ask(question)
    assert answer.text == f"{text} [1]"


def test_a_procedure_brings_the_tools_and_parts_named_before_its_steps():
    text = (
        "The seal lasts two years.\nTools and parts:\n• hook spanner 40 mm\n• seal kit SK-11\nWork with two people.\n"
        "1. Drain the cylinder.\n2. Unscrew the gland.\n3. Fit the new seal."
    )
    where = chunk("a", text, heading=("Replacing the rod seal",), kind=ChunkKind.PROCEDURE)
    answer = copilot(FakeKnowledge([where], [], [], [])).ask("How do I replace the rod seal?")
    assert [line.partition(" [")[0] for line in answer.text.splitlines()] == [
        "Tools and parts:", "• hook spanner 40 mm", "• seal kit SK-11",
        "1. Drain the cylinder.", "2. Unscrew the gland.", "3. Fit the new seal.",
    ]  # fmt: skip


ALARM = chunk(
    "a", "Alarm: 12\nText: Emergency stop pressed\nCause: One of four buttons\nRemedy: Release and reset",
    heading=("9 Alarms",), kind=ChunkKind.TABLE, section=9,
)  # fmt: skip


def test_how_to_do_it_is_told_by_the_section_about_it_and_not_by_the_row_of_an_alarm():
    question = "How do I restart the wrapper after an emergency stop?"
    told = chunk(
        "b", "Four buttons cut the drives off. To restart, turn the button, press reset and wait for the green lamp.",
        heading=("3 Controls", "3.2 Emergency stop"), section=3,
    )  # fmt: skip
    answer = copilot(FakeKnowledge([ALARM, told], [], [], []), judge=EvidenceJudge(threshold=0.0)).ask(question)
    assert cited(answer) == ["b"] and "press reset" in answer.text


def test_the_oil_is_named_and_not_what_else_is_said_of_the_place():
    where = [
        chunk("a", "Interval | Job\n400 h | Check the oil of the chain: each link is wet\n2,000 h | Clean the chain",
              heading=("Schedule",), kind=ChunkKind.TABLE, section=1),
        chunk("b", "The pump feeds 2 ml of oil CLP 220 each hour.", heading=("Chain lubrication",), section=2),
    ]  # fmt: skip
    knowledge = FakeKnowledge(where, [], [], [])
    answer = copilot(knowledge, judge=EvidenceJudge(threshold=0.0)).ask("Which oil for the chain?")
    assert answer.text == "The pump feeds 2 ml of oil CLP 220 each hour. [1]"


def test_a_part_number_is_answered_by_a_designation_of_that_part_or_not_at_all():
    worn = chunk("a", "The bearing of the fan wears. Replace the bearing at 80 °C.", heading=("Faults",))
    spare = chunk("b", "Part: Fan bearing\nPart number: KX-6205\nOn stock: 2", heading=("Spare parts",), kind=ChunkKind.TABLE,
                  section=2)  # fmt: skip
    question = "What is the part number of the fan bearing?"
    without = copilot(FakeKnowledge([worn], [], [], []), judge=EvidenceJudge(threshold=0.0)).ask(question)
    assert without.status is AnswerStatus.NO_EVIDENCE
    answer = copilot(FakeKnowledge([worn, spare], [], [], []), judge=EvidenceJudge(threshold=0.0)).ask(question)
    assert cited(answer) == ["b"] and answer.short == "KX-6205"


def test_more_is_the_rest_of_the_section_with_markers_of_its_own():
    answer = COPILOT.ask("What is the tightening torque of the flange bolts?")
    more = COPILOT.more(answer)
    assert more.text.startswith(answer.text) and more.citations[: len(answer.citations)] == answer.citations
    rest = more.text.removeprefix(answer.text)
    assert "More from 4 Assembly > 4.2 Flange:" in rest and "They are tightened crosswise. [2]" in rest
    assert rest.count("85 Nm") == 0 and more.status is answer.status
    refused = COPILOT.ask("What does alarm E-999 mean?")
    assert COPILOT.more(refused) is refused


def test_a_list_comes_with_the_line_that_introduces_it():
    answer = ask("What causes leaks at the cylinder?")
    assert "The following causes are possible: [" in answer.text
    assert all(item in answer.text for item in ("worn rod seal", "scratched piston rod", "loose gland nut"))


def test_a_sentence_that_leans_on_another_brings_it_along():
    where = chunk(
        "a",
        "The blue valve belongs to the coolant circuit. It opens at 4 bar when the outlet is blocked.",
        heading=("Valves",),
    )
    answer = copilot(FakeKnowledge([where], [], [], [])).ask(
        "At which pressure in bar does it open when the outlet is blocked?"
    )
    assert answer.text == (
        "The blue valve belongs to the coolant circuit. [1] It opens at 4 bar when the outlet is blocked. "
        "(converted: 4 bar ≈ 0.4 MPa ≈ 58 psi) [1]"
    )
    assert len(answer.citations) == 1


def test_a_page_read_by_ocr_is_marked():
    answer = ask("nitrogen pressure of the accumulator")
    assert answer.citations[0].ocr and answer.text.endswith("[1] read by OCR: check the page.")


# --- safety -------------------------------------------------------------------------------------------------------


def test_a_safety_question_gets_the_warning_verbatim():
    answer = ask("Which gloves do I need when changing the hydraulic oil?")
    verbatim = "WARNING: Hot oil. Wear goggles and heat-resistant gloves when you change the hydraulic oil."
    assert answer.text.startswith(verbatim) and answer.warnings[0].text == verbatim


def test_defeating_an_interlock_is_refused_with_the_manuals_own_words():
    answer = ask("How do I bypass the interlock of the guard door?")
    assert answer.status is AnswerStatus.REFUSED_UNSAFE
    assert "Never operate the press with the interlock bypassed. [1]" in answer.text and cited(answer) == ["safety"]


def test_a_refusal_without_a_rule_in_the_documents_stands_alone():
    answer = ask("如何短接安全门？")
    assert answer.status is AnswerStatus.REFUSED_UNSAFE and answer.citations == () and "联锁" in answer.text


def test_testing_an_interlock_is_answered():
    answer = ask("How do I test the interlock?")
    assert answer.status is AnswerStatus.ANSWERED and "start of every shift" in answer.text


# --- history ------------------------------------------------------------------------------------------------------


def test_history_counts_and_lists_newest_first():
    answer = ask("How often did the hydraulic pump of the hp 200 fail?")
    lines = answer.text.splitlines()
    assert lines[0] == "2 fault reports for HP-200, hydraulic pump; the last on 2024-05-12."
    assert [line[2:12] for line in lines[1:]] == ["2024-05-12", "2024-03-01"]
    assert all(citation.source == LOG for citation in answer.citations)


def test_history_of_a_code():
    assert ask("How many times did E-207 occur?").text.startswith(
        "1 fault report for code E-207; the last on 2024-03-01."
    )


def test_history_sums_downtime():
    assert "4.5 h of downtime in total" in ask("How much downtime did the hydraulic pump cause in the past?").text


def test_what_fixed_a_symptom_last_time():
    answer = ask("How was the pump noise fixed last time?")
    assert answer.status is AnswerStatus.ANSWERED and "suction hose tightened" in answer.text
    assert "filter replaced" not in answer.text


# --- abstention ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "frame"),
    [
        ("How do I change the wifi password?", "The documents do not say."),
        ("What is the warranty period of the conveyor?", "The documents do not say."),
        ("机器人的保修期是多长？", "文档中没有说明。"),
    ],
)
def test_weak_evidence_is_no_answer(question, frame):
    answer = ask(question)
    assert answer.status is AnswerStatus.NO_EVIDENCE and answer.text.startswith(frame)
    assert answer.citations == () and answer.warnings == () and answer.evidence_score < 0.4


def test_an_abstention_names_the_nearest_pages():
    answer = ask("How do I change the wifi password?")
    nearest = answer.evidence[0].chunk
    assert f"{nearest.source.document_id}, page {nearest.pages[0]}" in answer.text


@pytest.mark.parametrize("question", ["Tell me a joke", "What is the capital of France?", "讲个笑话"])
def test_small_talk_is_out_of_scope(question):
    assert ask(question).status is AnswerStatus.OUT_OF_SCOPE


def test_good_evidence_outweighs_a_router_that_says_out_of_scope():
    weather = chunk(
        "w", "The weather hood protects the outdoor conveyor. The weather hood is 2 m long.", heading=("Weather hood",)
    )
    answer = copilot(FakeKnowledge([weather], [], [], [])).ask("weather hood")
    assert answer.understanding.route.route == "out_of_scope" and answer.status is AnswerStatus.ANSWERED


def test_an_unknown_machine_is_not_answered_from_another():
    answer = ask("What is the rated pressure?", "Lathe 9")
    assert answer.status is AnswerStatus.NO_EVIDENCE and "Lathe 9" in answer.text and "HP-200" in answer.text


def test_a_machine_is_a_hard_filter():
    answer = ask("What is the rated pressure of the RX-7?")
    assert answer.status is AnswerStatus.NO_EVIDENCE
    assert all(hit.chunk.source.machine in (None, "RX-7 Robot") for hit in answer.evidence)


# --- the engine -----------------------------------------------------------------------------------------------------


def test_the_text_streams_in_pieces_and_the_answer_comes_last():
    *pieces, answer = COPILOT.stream("How do I replace the drive belt?")
    assert isinstance(answer, Answer) and all(isinstance(piece, Piece) for piece in pieces) and len(pieces) == 7
    assert "".join(piece.text for piece in pieces).strip() == answer.text
    assert len(answer.id) == 32 and answer.id != COPILOT.ask("How do I replace the drive belt?").id


def test_a_generator_that_makes_quotes_up_is_caught():
    class Liar:
        name = "liar"

        def versions(self):
            return {}

        def generate(self, understanding, evidence):
            found = evidence[0].chunk
            yield Piece("It is 99 Nm. [1]", (Citation(1, found.source, found.pages, "It is 99 Nm.", found.id),))

    answer = copilot(generator=Liar()).ask("What is the tightening torque of the flange bolts?")
    assert answer.status is AnswerStatus.NO_EVIDENCE and "99 Nm" not in answer.text
    assert answer.withheld == ("It is 99 Nm.",) and answer.citations == ()


def test_only_what_its_quote_does_not_bear_out_is_withheld_and_that_is_said():
    class Careless:
        name = "careless"

        def versions(self):
            return {}

        def generate(self, understanding, evidence):
            found = evidence[0].chunk
            quote = "The tightening torque of the flange bolts is 85 Nm."
            yield Piece("The torque is 85 Nm. [1]", (Citation(1, found.source, found.pages, quote, found.id),))
            yield Piece(" Then turn them by 90")
            yield Piece("°. [1]")
            yield Piece("\nThe torque of the bolts is 85 N·m. [1]")

    answer = copilot(generator=Careless()).ask("What is the tightening torque of the flange bolts?")
    assert answer.text.splitlines() == [
        "The torque is 85 Nm. [1]",
        "The torque of the bolts is 85 N·m. [1]",
        "1 sentence was withheld: the documents do not bear it out.",
    ]
    assert answer.withheld == ("Then turn them by 90°.",)


def test_a_generator_with_nothing_to_say_is_an_abstention():
    class Silent:
        name = "silent"

        def versions(self):
            return {}

        def generate(self, understanding, evidence):
            return iter(())

    answer = copilot(generator=Silent()).ask("What is the tightening torque of the flange bolts?")
    assert answer.status is AnswerStatus.NO_EVIDENCE


def test_a_reranker_decides_the_order():
    class Reverse:
        name = "reverse"

        def rerank(self, understanding, hits):
            return [
                type(hit)(hit.chunk, -hit.score, place, Stage.RERANKED) for place, hit in enumerate(reversed(hits), 1)
            ]

    answer = copilot(reranker=Reverse()).ask("rated pressure")
    assert "rerank" in answer.timings_ms and answer.evidence[0].stage is Stage.RERANKED


def test_meaning_is_used_where_an_embedder_is_given():
    plain = COPILOT.ask("torque for tightening flange bolts")
    meant = copilot(embedder=WordEmbedder()).ask("torque for tightening flange bolts")
    assert plain.citations[0].quote == meant.citations[0].quote == "The tightening torque of the flange bolts is 85 Nm."


WORDS = sorted(
    {word for found in CHUNKS for word in re.findall(r"[\w-]+", found.text)}
    | {"how", "what", "怎么", "多少", "bypass", "last time"}
)
BY_ID = {found.id: found for found in CHUNKS}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
def test_whatever_is_asked_every_marker_resolves_and_every_quote_is_verbatim(words):
    answer = ask(" ".join(words))
    assert answer.text and markers(answer.text) == sorted(markers(answer.text))
    assert set(markers(answer.text)) == {citation.marker for citation in answer.citations}
    for citation in answer.citations:
        assert (
            is_verbatim(citation.quote, BY_ID[citation.chunk_id].text)
            and citation.quote in BY_ID[citation.chunk_id].text
        )
    if answer.status in (AnswerStatus.NO_EVIDENCE, AnswerStatus.OUT_OF_SCOPE):
        assert answer.citations == ()
