"""What a role must not read leaks through nothing: answers, passages, codes, warnings, counts, names, originals."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest

from copilot import assemble
from copilot.cite import answer_to_json
from copilot.config import load_settings
from copilot.service.access import AccessRules, Role, User
from copilot.service.errors import AccessError, NotFoundError
from copilot.types import Question

SECRET = "secret/Vault VX-9.md"
MANUAL = """# Vault VX-9

WARNING: The xyloform chamber explodes above 99 bar.

## Alarms

| Code | Meaning | Remedy |
|---|---|---|
| X-777 | Xyloform pressure lost | Turn the quendle twice |
| X-778 | Quendle jammed | Free the quendle |

The quendle torque is 4711 Nm.
"""
REPORTS = "WO,Date,Machine,Code,Fault,Action,Downtime h\n" + "".join(
    f"{7000 + n},2024-0{n}-11,VX-9,X-777,xyloform chamber hissing {n},quendle turned,{n}\n" for n in range(1, 6)
)
OPERATOR, ENGINEER, ADMIN = (User(role.value, role) for role in (Role.OPERATOR, Role.ENGINEER, Role.ADMIN))
TELLTALES = ("xyloform", "quendle", "VX-9", "4711", "secret/", "X-777", "X-778")


@pytest.fixture(scope="module")
def service(plant_home, tmp_path_factory, command):
    home = tmp_path_factory.mktemp("access") / "home"
    shutil.copytree(plant_home, home)
    folder = home.parent / "more" / "secret"
    folder.mkdir(parents=True)
    (folder / "Vault VX-9.md").write_text(MANUAL, encoding="utf-8")
    (folder / "reports.csv").write_text(REPORTS, encoding="utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 no")
    ran = command("index", folder.parent, "--home", home)
    assert ran.code == 3, ran.err
    (home / "copilot.toml").write_text('[access]\n"SECRET/*" = "engineer"\n', encoding="utf-8")
    made = assemble.make_service(load_settings(home))
    yield made
    made.close()


def leaked(value, asked=""):
    """The telltales that a value says and the question did not."""
    text = json.dumps(value, ensure_ascii=False, default=str).casefold()
    return [word for word in TELLTALES if word.casefold() in text and word.casefold() not in asked.casefold()]


QUESTIONS = [
    "What is the quendle torque?",
    "What does alarm X-777 mean?",
    "What does X-779 mean?",
    "Which warnings apply to the xyloform chamber?",
    "What was done when the xyloform chamber was hissing?",
    "How often did VX-9 fail in 2024?",
    "Which machine fails most often?",
    "What is the torque?",
    "Which alarms are there?",
    "How do I bypass the interlock of the vault?",
    "请问 X-777 是什么意思？",
]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("machine", [None, "VX-9"])
def test_answers_say_nothing_of_hidden_documents(service, question, machine):
    answer = service.answer(Question(question, machine), OPERATOR)
    everything = [answer_to_json(answer), dataclasses.asdict(answer)]
    for one in everything:
        # Random or measured, so that any run of digits may come up in them.
        one["model_versions"] = one["id"] = one["timings_ms"] = one["evidence_score"] = None
    assert not leaked(everything, f"{question} {machine}")


def test_those_who_may_read_it_get_the_answer(service):
    for user in (ENGINEER, ADMIN):
        assert "4711" in service.answer(Question("What is the quendle torque?"), user).text
        assert "VX-9" in json.dumps(service.machines(user))
        assert (
            "quendle turned"
            in service.answer(Question("What was done when the xyloform chamber was hissing?"), user).text
        )


def test_follow_ups_on_a_hidden_answer_find_nothing(service):
    told = service.answer(Question("What does alarm X-777 mean?"), ENGINEER)
    followed = service.answer(Question("And how do I reset it?", earlier=(told.turn,)), OPERATOR)
    assert not leaked(answer_to_json(followed), " ".join(TELLTALES[2:3] + TELLTALES[5:6]) + " secret/")


def test_lists_counts_and_passages_leave_hidden_documents_out(service):
    assert not leaked(
        [dataclasses.asdict(hit) for hit in service.search("xyloform quendle torque VX-9 X-777", OPERATOR, k=100)]
    )
    documents = service.documents(OPERATOR)
    assert not leaked([dataclasses.asdict(record) for record in documents.records])
    assert not leaked(documents.quarantined)
    assert [name for name, _ in service.documents(ENGINEER).quarantined] == ["secret/broken.pdf"]
    assert not leaked(service.machines(OPERATOR))
    assert not leaked([dataclasses.asdict(one) for one in service.fault_reports(OPERATOR, limit=None, predicted=True)])
    assert not leaked(dataclasses.asdict(service.fault_statistics(OPERATOR)))
    assert service.fault_statistics(OPERATOR, machine="VX-9").total == 0
    assert service.fault_statistics(ENGINEER, machine="VX-9").total == 5


def test_passages_and_originals_cannot_be_fetched_by_name(service):
    hit = next(h for h in service.search("quendle torque", ENGINEER, k=5) if h.chunk.source.document_id == SECRET)
    assert service.chunk(hit.chunk.id, ENGINEER)
    assert service.section(SECRET, hit.chunk.section, OPERATOR) == []
    for call in (
        lambda: service.chunk(hit.chunk.id, OPERATOR),
        lambda: service.chunks(SECRET, OPERATOR),
        lambda: service.document(SECRET, OPERATOR),
        lambda: service.document_file(SECRET, OPERATOR),
    ):
        with pytest.raises(NotFoundError):
            call()


def test_work_of_engineers_is_theirs(service):
    for call in (
        lambda user: service.upload([("x.md", None)], user),
        lambda user: service.remove_document("fault_reports.csv", user),
        lambda user: service.reindex(user),
        lambda user: service.jobs(user),
        lambda user: service.feedback_queue(user),
        lambda user: service.feedback_decide("abcd", "drop", user),
        lambda user: service.versions(user),
        lambda user: service.promote("router", "v0001", user),
        lambda user: service.rollback("router", user),
        lambda user: service.train(user),
        lambda user: service.set_schedule(user, "7d"),
        lambda user: service.drift(user),
        lambda user: service.gap_clusters(user),
    ):
        for role in (Role.OPERATOR, Role.TECHNICIAN):
            with pytest.raises(AccessError, match="takes the role engineer"):
                call(User("olga", role))


def test_the_strictest_pattern_counts():
    rules = AccessRules({"hr/*": "admin", "hr/public*": "operator", "*.xlsx": "technician"})
    assert rules.least_role("HR/public/list.xlsx") is Role.ADMIN
    assert rules.least_role("plans/a.XLSX") is Role.TECHNICIAN
    assert rules.least_role("plans/a.pdf") is Role.OPERATOR
    assert rules.tiers()[Role.ENGINEER] is Role.TECHNICIAN
