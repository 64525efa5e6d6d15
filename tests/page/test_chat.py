"""What the chat's events do, over a service made by hand: streaming, stopping, sources, feedback, history."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup

from copilot.cite import answer_to_json
from copilot.errors import CopilotError
from copilot.sample_plant import plant_folder
from copilot.service.access import LOCAL
from copilot.types import AnswerStatus, Citation, Piece
from indexer.errors import MismatchError, NoIndexError
from indexer.types import Hit, Stage
from tests.made_answers import answer, chunk, source, warning
from ui.pages import PageImages
from ui.restore import restored
from ui.session import REMEMBERED, Session
from ui.tabs.chat import Chat
from ui.viewer import place_index, places_of
from ui.words import words_for

EN = words_for("en")


class Service:
    """Gives the answers it was made with, and remembers what it was told."""

    def __init__(self, *answers, pieces=(), error=None):
        self.answers = list(answers)
        self.pieces = pieces
        self.error = error
        self.asked = []
        self.told = []
        self.closed = 0

    def ask(self, question, user, conversation=None):
        self.asked.append((question, conversation))
        try:
            for text in self.pieces:
                yield Piece(text)
            if self.error:
                raise self.error
            yield self.answers.pop(0)
        finally:
            self.closed += 1

    def routes(self):
        return ("troubleshooting", "procedure")

    def machines(self, user):
        if self.error:
            raise self.error
        return ["AC-75", "HP-200", "PK-3"]

    def feedback(self, *told):
        if self.error:
            raise self.error
        self.told.append(told)

    def report_gap(self, *told):
        self.told.append(("gap", *told))

    def document_file(self, document_id, user):
        return plant_folder() / document_id if document_id.endswith(".pdf") else Path(document_id)

    def chunk(self, chunk_id, user):
        return chunk("Close V17. Then wait.", chunk_id=chunk_id)

    def section(self, document_id, section, user):
        return [chunk("Before.", chunk_id="c0"), chunk("Close V17. Then wait.")]

    def history(self, user, search="", limit=100):
        one = SimpleNamespace(id="k1", title="What now?", created_at="2026-01-02T03:04:05", changed_at="2026-01-02T03:04:05",
                              answers=1)  # fmt: skip
        return [one] if search in "What now?" else []

    def conversation(self, conversation, user):
        made = answer(warnings=[warning()])
        return [SimpleNamespace(answer_id="a1", asked_at="2026-01-02T03:04:05", question=made.question.text,
                                answer=answer_to_json(made), chunk_ids=("c1",), turn=made.turn)]  # fmt: skip


def chat_over(service):
    page = SimpleNamespace(service=service, images=PageImages(), words=lambda session: words_for(session.language))
    return Chat(page)


def run(chat, session, text="What now?", machine=None):
    return list(chat.ask(session, text, machine, LOCAL))


def shown(html):
    return " ".join(BeautifulSoup(html, "html.parser").get_text(" ").split())


def test_a_question_is_shown_at_once_then_its_answer_with_the_first_source():
    service = Service(answer(warnings=[warning()]))
    chat, session = chat_over(service), Session()
    steps = chat.ask(session, " What now? ", "HP-200", LOCAL)
    assert next(steps)
    assert "What now?" in shown(chat.log(session)) and "Searching" in shown(chat.log(session))
    assert list(steps) == [True]
    assert "Close V17." in shown(chat.log(session)) and session.asking is None
    assert session.place().quote == "Close V17." and len(session.places) == 2
    question, conversation = service.asked[0]
    assert (question.text, question.machine, conversation) == ("What now?", "HP-200", session.conversation)


def test_the_next_question_carries_the_turns_before_it():
    service = Service(*(answer() for _ in range(REMEMBERED + 2)))
    chat, session = chat_over(service), Session()
    for _ in range(REMEMBERED + 2):
        run(chat, session)
    earlier = service.asked[-1][0].earlier
    assert len(earlier) == REMEMBERED and earlier[0].asked == "What now?"
    session.begin()
    assert session.turns == [] and session.place() is None


def test_two_pages_have_two_conversations():
    import copy

    service = Service(answer(), answer())
    first = Session()
    chat, second = chat_over(service), copy.deepcopy(first)
    run(chat, first)
    run(chat, second)
    assert len({conversation for _, conversation in service.asked}) == 2


def test_a_stopped_question_keeps_what_was_written_and_frees_the_service():
    service = Service(answer(), pieces=("Close ", "V17."))
    chat, session = chat_over(service), Session()
    steps = chat.ask(session, "What now?", None, LOCAL)
    next(steps)
    session.written = "Close"
    chat.stop(session)
    assert "Close Stopped." in shown(chat.log(session))
    assert list(steps) == [] and service.closed == 1 and session.answers == []
    chat.stop(session)  # nothing runs any more
    assert len(session.notices[0]) == 1


def test_an_error_of_the_service_is_one_line_in_the_conversation():
    chat, session = chat_over(Service(error=CopilotError("too many questions wait; try again in 5 s"))), Session()
    assert run(chat, session) == [True, True]
    assert "too many questions wait; try again in 5 s" in shown(chat.log(session)) and session.asking is None


def test_no_source_opens_by_itself_for_a_no():
    hit = Hit(chunk("Oil"), 0.3, 1, Stage.FUSED)
    made = answer("The documents do not say.", (), status=AnswerStatus.NO_EVIDENCE, evidence=(hit,))
    chat, session = chat_over(Service(made)), Session()
    run(chat, session)
    assert session.place() is None
    chat.show(session, {"fc": "nearest", "answer": "a1", "number": "0"})
    assert session.place().quote == "Oil"


def test_sources_are_paged_through_and_closed():
    two = (Citation(1, source(), (13, 13), "Close V17.", "c1"), Citation(2, source(), (13, 13), "Then wait.", "c1"))
    chat, session = chat_over(Service(answer("Close V17. [1] Then wait. [2]", two, [warning()]))), Session()
    run(chat, session)
    for wanted, quote in (("next", "Then wait."), ("next", "DANGER: Crushing."), ("next", "DANGER: Crushing."),
                          ("previous", "Then wait.")):  # fmt: skip
        chat.show(session, {"fc": wanted})
        assert session.place().quote == quote
    chat.show(session, {"fc": "cite", "answer": "a1", "number": "1"})
    assert session.at == 0
    for odd in ({"fc": "cite", "answer": "a1", "number": "9"}, {"fc": "cite", "answer": "other", "number": "1"},
                {"fc": "cite", "answer": "a1", "number": None}, {}):  # fmt: skip
        chat.show(session, odd)
        assert session.at == 0
    chat.show(session, {"fc": "close"})
    assert session.place() is None


def test_a_passage_of_another_format_is_shown_with_the_quote_marked():
    chat, session = chat_over(Service(answer(citations=(Citation(1, source("PK-3/manual.md"), (1, 1), "Close V17.", "c1"),))))\
        , Session()  # fmt: skip
    run(chat, session)
    page = BeautifulSoup(chat.viewer(session, LOCAL), "html.parser")
    assert page.select_one("mark").text == "Close V17." and "Before." in page.text
    assert "8 Faults" in page.select_one(".fc-path").text


def test_a_page_of_a_pdf_is_shown_as_a_picture():
    quote = "Code: E-207\nMeaning: Accumulator pressure drops too fast"
    cited = Citation(1, source("HP-200/HP-200_operating_manual.pdf"), (13, 13), quote, "c1")
    chat, session = chat_over(Service(answer(citations=(cited,)))), Session()
    run(chat, session)
    page = BeautifulSoup(chat.viewer(session, LOCAL), "html.parser")
    assert page.select_one(".fc-page img")["src"].startswith("data:image/png;base64,")
    assert float(page.select_one(".fc-page")["data-top"]) > 10 and "Page 13 of 20" in page.text


def test_a_source_that_is_gone_is_said():
    gone = Citation(1, source("HP-200/gone.pdf"), (13, 13), "Close V17.", "c1")
    chat, session = chat_over(Service(answer(citations=(gone,)))), Session()
    run(chat, session)
    assert "index the document again" in shown(chat.viewer(session, LOCAL))


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"fc": "up"}, ("a1", "up", LOCAL, None, "")),
        ({"fc": "down", "comment": "wrong page"}, ("a1", "down", LOCAL, None, "wrong page")),
        ({"fc": "route", "value": "procedure"}, ("a1", "down", LOCAL, "procedure", "")),
        ({"fc": "gap"}, ("gap", "a1", LOCAL, "")),
    ],
)
def test_feedback_is_stored_and_thanked_for(wanted, told):
    service = Service(answer("No.", (), status=AnswerStatus.NO_EVIDENCE))
    chat, session = chat_over(service), Session()
    run(chat, session)
    assert chat.say(session, {**wanted, "answer": "a1"}, LOCAL) == ""
    assert service.told == [told] and "Thank you" in shown(chat.log(session))


def test_feedback_that_cannot_be_stored_is_said_and_not_thanked_for():
    service = Service(answer())
    chat, session = chat_over(service), Session()
    run(chat, session)
    service.error = CopilotError("the disk is full")
    assert chat.say(session, {"fc": "up", "answer": "a1"}, LOCAL) == "the disk is full"
    assert "Thank you" not in shown(chat.log(session))
    assert chat.say(session, {"fc": "up", "answer": "another"}, LOCAL) == ""


def test_an_earlier_conversation_is_searched_opened_and_gone_on_with():
    service = Service(answer())
    chat, session = chat_over(service), Session()
    assert "What now?" in shown(chat.history(session, "now", LOCAL))
    assert "No questions yet." in shown(chat.history(session, "refrigerant", LOCAL))
    chat.open(session, "k1", LOCAL)
    assert "Close V17." in shown(chat.log(session)) and "DANGER: Crushing." in shown(chat.log(session))
    run(chat, session)
    question, conversation = service.asked[0]
    assert conversation == "k1" and [turn.asked for turn in question.earlier] == ["What now?"]


def test_a_restored_answer_says_what_the_kept_one_said():
    made = answer(warnings=[warning()], machine="HP-200")
    again = restored(made.id, answer_to_json(made), ["c1"])
    assert answer_to_json(again) == answer_to_json(made)


def test_every_tapped_place_is_the_one_that_is_listed():
    made = answer(warnings=[warning(), warning("NOTICE: Oil.", "NOTICE")])
    places = places_of(made, EN)
    assert places[place_index(made, "cite", 1)].quote == "Close V17."
    assert places[place_index(made, "warning", 1)].quote == "NOTICE: Oil."
    assert place_index(made, "nearest", 0) is None and place_index(made, "warning", 2) is None


def test_the_welcome_offers_questions_about_the_plants_machines():
    chat, session = chat_over(Service()), Session(language="zh")
    html = chat.welcome(session, LOCAL)
    assert "AC-75 出过哪些故障？" in shown(html) and "HP-200 该做哪些保养？" in shown(html)


def test_the_welcome_says_what_stands_in_the_way_of_any_question():
    for error, told in (
        (NoIndexError("Nothing has been indexed in /h yet."), "还没有文档"),
        (
            MismatchError("The index in /h has format 3, this version reads 4. Run `copilot index --rebuild`."),
            "索引格式为 3",
        ),
    ):
        chat = chat_over(Service(error=error))
        assert told in shown(chat.welcome(Session(language="zh"), LOCAL))
