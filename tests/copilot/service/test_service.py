"""The service over the sample plant: answers, passages, documents, feedback, and fault reports found at once."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace

import pytest

from copilot import assemble
from copilot.cite import answer_to_json
from copilot.config import load_settings
from copilot.service.access import LOCAL, Role, User
from copilot.service.errors import NotFoundError, ServiceError
from copilot.service.statistics import TABLE, table_of
from copilot.types import Answer, AnswerStatus, Piece, Question

ASKED = "What should I do when E207 shows up on the press?"
ANNA = User("anna", Role.OPERATOR)


@pytest.fixture(scope="module")
def service(plant_home, tmp_path_factory):
    home = tmp_path_factory.mktemp("service") / "home"
    shutil.copytree(plant_home, home)
    made = assemble.make_service(load_settings(home))
    yield made
    made.close()


def test_an_answer_streams_and_is_the_command_lines(service, plant_home, command):
    *pieces, answer = service.ask(Question(ASKED), LOCAL)
    assert isinstance(answer, Answer) and all(isinstance(piece, Piece) for piece in pieces)
    assert "".join(piece.text for piece in pieces).strip() == answer.text
    told = command("ask", ASKED, "--home", plant_home, "--json").json()
    here = answer_to_json(answer)
    for fields in (told, here):
        del fields["id"], fields["timings_ms"]
    assert here == told


def test_closing_the_iterator_frees_the_place(service):
    stream = service.ask(Question(ASKED), LOCAL)
    next(stream)
    assert service.admission.running == 1
    stream.close()
    assert service.admission.running == 0


def test_documents_passages_and_originals(service):
    documents = service.documents(LOCAL)
    names = [record.document_id for record in documents.records]
    assert "HP-200/HP-200_operating_manual.pdf" in names
    assert service.document_file(names[0], LOCAL).read_bytes()
    with pytest.raises(NotFoundError):
        service.document_file("../users.sqlite", LOCAL)
    hit = service.search("accumulator pressure", LOCAL, k=1)[0]
    assert service.chunk(hit.chunk.id, LOCAL) == hit.chunk
    assert hit.chunk in service.section(hit.chunk.source.document_id, hit.chunk.section, LOCAL)
    assert hit.chunk in service.chunks(hit.chunk.source.document_id, LOCAL)
    assert service.machines(LOCAL) == ["AC-75", "HP-200", "PK-3", "VM-5"]
    with pytest.raises(ServiceError, match="k is 0"):
        service.search("pressure", LOCAL, k=0)


def test_feedback_is_of_those_who_got_the_answer(service):
    answer = service.answer(Question(ASKED), ANNA)
    entry = service.feedback(answer.id, "down", ANNA, corrected_route="maintenance", comment="I meant the plan")
    with pytest.raises(NotFoundError):
        service.feedback(answer.id, "up", User("bert", Role.ADMIN))
    (stored,) = [one for one, _ in service.feedback_queue(LOCAL) if one.id == entry]
    assert stored.feedback.question == ASKED
    assert stored.feedback.corrected_route == "maintenance"
    assert stored.feedback.cited_chunk_ids == tuple(citation.chunk_id for citation in answer.citations)
    with pytest.raises(ServiceError, match="no route 'nonsense'"):
        service.feedback(answer.id, "down", ANNA, corrected_route="nonsense")


def test_a_conversation_is_kept_for_its_user(service):
    first = service.answer(Question(ASKED), ANNA, "c-1")
    service.answer(Question("And how do I reset it?", earlier=(first.turn,)), ANNA, "c-1")
    (kept,) = service.history(ANNA, "E207 reset")
    assert (kept.id, kept.answers) == ("c-1", 2)
    assert [one.turn.asked for one in service.conversation("c-1", ANNA)] == [ASKED, "And how do I reset it?"]
    assert service.conversation("c-1", ANNA)[0].turn == first.turn
    other = User("bert", Role.ADMIN)
    assert service.history(other) == []
    with pytest.raises(NotFoundError):
        service.conversation("c-1", other)
    with pytest.raises(NotFoundError):
        service.answer(Question(ASKED), other, "c-1")
    assert service.delete_history(ANNA, "c-1") == 2
    assert service.history(ANNA) == []


def test_a_recorded_fault_report_is_found_at_once(service):
    unheard = "the label printer smears the blue stripe"
    before = service.answer(Question(f"What was done when {unheard}?"), LOCAL)
    assert not any("recorded" in citation.source.document_id for citation in before.citations)
    report_id = service.report_fault(
        {"machine": "LP-1", "symptom": unheard, "action": "replaced the wiper", "downtime_hours": 0.5}, LOCAL
    )
    answer = service.answer(Question("What was done when the label printer smears the blue stripe?"), LOCAL)
    assert answer.status is AnswerStatus.ANSWERED
    assert "replaced the wiper" in answer.text
    assert report_id in answer.citations[0].quote
    (stored,) = service.fault_reports(LOCAL, machine="LP-1")
    assert (stored.report.report_id, stored.report.downtime_hours) == (report_id, 0.5)
    assert "LP-1" in service.machines(LOCAL)
    counted = service.fault_statistics(LOCAL, machine="LP-1")
    assert (counted.total, counted.by_machine["LP-1"].mttr_hours) == (1, 0.5)


def test_warming_up_loads_what_a_first_report_needs_and_leaves_no_report(plant_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(plant_home, home)
    service = assemble.make_service(load_settings(home))
    try:
        service.warm_up()
        assert service.recorded._loaded is not None and not service.recorded.folder.exists()
        before = service.fault_reports(LOCAL, limit=None)
        service.report_fault({"symptom": "oil leaking at the ram seal", "machine": "HP-200"}, LOCAL)
        after = service.fault_reports(LOCAL, limit=None)
        assert len(after) == len(before) + 1 and all("warming" not in (one.report.symptom or "") for one in after)
    finally:
        service.close()


@pytest.mark.parametrize(
    "fields, said",
    [
        ({}, "no symptom"),
        ({"symptom": "x", "colour": "red"}, "no field 'colour'"),
        ({"symptom": "x", "date": "yesterday"}, "YYYY-MM-DD"),
        ({"symptom": "x", "downtime_hours": "-1"}, "0 or more"),
        ({"symptom": "x" * 5000}, "5000 characters"),
    ],
)
def test_a_report_of_no_sense_is_refused(service, fields, said):
    with pytest.raises(ServiceError, match=said):
        service.report_fault(fields, LOCAL)


def test_a_new_generation_answers_the_next_question_and_not_the_one_under_way(service, command):
    stream = service.ask(Question(ASKED), LOCAL)
    first = next(stream)
    assert isinstance(first, Piece)
    home = service.settings.home
    ran = command("remove", "HP-200/HP-200_operating_manual.pdf", "--home", home)
    assert ran.code == 0, ran.err
    *_, answer = stream
    assert answer.citations[0].source.document_id.startswith("HP-200/")
    after = service.answer(Question(ASKED), LOCAL)
    assert not any(citation.source.document_id.startswith("HP-200/") for citation in after.citations)
    assert after.index_version != answer.index_version


def test_nothing_indexed_is_told(tmp_path):
    from indexer.errors import NoIndexError

    made = assemble.make_service(replace(load_settings(tmp_path / "home")))
    with pytest.raises(NoIndexError, match="copilot index"):
        made.answer(Question("anything"), LOCAL)
    assert not made.ready()
    assert made.health()["index_version"] is None
    made.close()


def test_a_change_in_a_watched_folder_is_followed(own_home, tmp_path):
    home, folder = own_home, tmp_path / "manuals"
    folder.mkdir()
    (folder / "one.md").write_text("# Splicer\n\nThe splicer tension is 31 N.\n", encoding="utf-8")
    settings = load_settings(home)
    made = assemble.make_service(replace(settings, server=replace(settings.server, watch=True)))
    try:
        job = made.index_folder(folder, LOCAL, machine="SP-1")
        waited(lambda: made.job(job, LOCAL).finished_at)
        assert made.job(job, LOCAL).error == ""
        made.start()
        time.sleep(2)  # until the folder is watched
        (folder / "one.md").write_text("# Splicer\n\nThe splicer tension is 87 N.\n", encoding="utf-8")
        waited(lambda: "87 N" in made.answer(Question("What is the splicer tension?"), LOCAL).text)
        with pytest.raises(NotFoundError):
            made.index_folder(tmp_path / "none", LOCAL)
        with pytest.raises(ServiceError, match="home folder"):
            made.index_folder(home, LOCAL)
        assert {check.name for check in made.doctor(LOCAL)}
        assert made.evaluations(LOCAL) == {}
    finally:
        made.close()


def waited(holds):
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("in vain")


def test_a_full_disk_takes_no_answer_away_and_is_told(service, monkeypatch):
    import sqlite3

    from copilot.audit import AuditError

    def full(*_, **__):
        raise sqlite3.OperationalError("database or disk is full")

    def unwritten(*_, **__):
        raise AuditError("the audit log cannot be written (disk is full)")

    monkeypatch.setattr(service._history, "add", full)
    monkeypatch.setattr(service.audit, "record", unwritten)
    assert service.answer(Question(ASKED), LOCAL).status is AnswerStatus.ANSWERED
    assert "disk is full" in service.health()["status"]


def test_many_ask_at_once_while_what_answers_moves(plant_home, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    home = tmp_path / "home"
    shutil.copytree(plant_home, home)
    settings = load_settings(home)
    made = assemble.make_service(replace(settings, server=replace(settings.server, running=4, rate_per_minute=0)))
    questions = [
        ASKED,
        "How often do the column bushings of the press get grease?",
        "What torque for the bolts that hold the main cylinder of the press?",
        "怎样更换油分芯？",
        "装箱机胶枪喷嘴怎么更换",
    ]

    def told(question):
        answer = made.answer(Question(question), LOCAL)
        return answer.status, answer.text

    try:
        alone = [told(question) for question in questions]
        with ThreadPoolExecutor(5) as pool:
            asked = [pool.submit(told, question) for _ in range(6) for question in questions]
            for number in range(5):  # each report is laid over a newly opened index
                made.report_fault({"symptom": f"unrelated noise {number}", "machine": "ZZ-9"}, LOCAL)
            together = [one.result() for one in asked]
        assert together == alone * 6
    finally:
        made.close()


def test_means_keep_to_the_period_and_all_figures_make_one_table(service):
    whole = service.fault_statistics(LOCAL, "PK-3")
    part = service.fault_statistics(LOCAL, "PK-3", since="2024-10-01")
    assert part.reliability.reports == part.total < whole.total == whole.reliability.reports
    assert part.by_machine["PK-3"].first >= "2024-10-01" > whole.by_machine["PK-3"].first
    rows = table_of(part)
    assert all(set(row) <= set(TABLE) for row in rows)
    by = {(row["by"], row["key"]): row for row in rows}
    assert by["all", ""]["reports"] == by["machine", "PK-3"]["reports"] == part.total
    assert by["machine", "PK-3"]["mtbf_days"] == round(part.reliability.mtbf_days, 2)
    assert sum(row["reports"] for row in rows if row["by"] == "week") == part.total
    assert any(row.get("predicted_reports") for row in rows if row["by"] == "failure_mode")


def test_texts_are_forgotten_in_time(service):
    service.answer(Question(ASKED), ANNA, "old")
    service.forget(30)
    assert service.history(ANNA)
    service.forget(0)
    assert service.history(ANNA) == []
