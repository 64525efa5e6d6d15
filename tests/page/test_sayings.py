"""What other parts of the program say in English is known to every other language of the page, and in its words."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from copilot.service.access import Role, User
from copilot.service.errors import AccessError, BusyError, ConflictError
from finetune.drift import watch
from finetune.gate import Judged, judge
from finetune.schedule import ScheduleState, due
from ui import common
from ui.sayings import Sayings
from ui.words import languages, read_words, words_for

ROOT = Path(__file__).parents[2]
OTHERS = [words for code, words in languages().items() if code != "en"]
ZH = words_for("zh")
SPEAKING = (
    "copilot/service/*.py", "copilot/understand.py", "copilot/audit.py", "copilot/commands/doctor.py",
    "indexer/readers/*.py", "indexer/fault_reports/*.py", "indexer/extract.py", "indexer/scan.py", "indexer/worker.py",
    "indexer/build.py", "indexer/home.py", "indexer/store.py", "indexer/generation.py", "indexer/lexical_index.py",
    "finetune/feedback.py", "finetune/registry.py", "finetune/version_folder.py", "finetune/schedule.py",
    "finetune/child.py",
)  # fmt: skip
"""Where the lines come from that a page may show. Composed lines (gate, drift, schedule) are tried out further below."""
LISTS = {"warnings", "general", "notes", "_lines"}
NOT_ON_THE_PAGE = {  # of these modules, what only a programmer, a terminal or a file by hand can bring about
    "module {} has no attribute {}", "a text", "{}", "its values are no numbers", "schema {}, this program reads {}", "no object",
}  # fmt: skip
_INSIDE = {"ValueError", "TypeError", "KeyError", "AttributeError", "_NewerError", "NotImplementedError"}


def templates(node):
    """The texts that an expression may be, "{}" for what is filled in."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        return ["".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)]
    if isinstance(node, ast.IfExp):
        return templates(node.body) + templates(node.orelse)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [left + right for left in templates(node.left) for right in templates(node.right)]
    if isinstance(node, ast.BoolOp):
        return [text for value in node.values for text in templates(value)]
    if isinstance(node, ast.GeneratorExp | ast.ListComp):
        return templates(node.elt)
    if isinstance(node, ast.List | ast.Tuple):
        return [text for value in node.elts for text in templates(value)]
    return []


def lines_of(node, inside):
    """The lines that one expression says to whoever reads them, if it does."""
    if (
        isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 2
    ):  # of `copilot doctor`
        return templates(node.value.elts[-1])
    if not isinstance(node, ast.Call):
        return []
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    owner = getattr(node.func, "value", None)
    holder = getattr(owner, "attr", getattr(owner, "id", ""))
    if name.endswith("Error") and name not in inside and node.args:
        return templates(node.args[0])
    if name in ("append", "extend") and holder in LISTS:
        return templates(node.args[0])
    if name == "add" and holder in ("problems", "_problems"):
        return templates(node.args[0]) + templates(node.args[-1])
    if name in ("require", "_bad", "_note_trouble"):
        return templates(node.args[-1])
    return []


def spoken():
    """(where, line) of all modules of SPEAKING."""
    for pattern in SPEAKING:
        files = sorted(ROOT.glob(pattern))
        assert files, pattern
        for file in files:
            inside = _INSIDE - {"ValueError"} if file.name == "structured.py" else _INSIDE
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                for line in lines_of(node, inside):
                    yield f"{file.relative_to(ROOT)}:{node.lineno}", line


def filled(line):
    """A line as it may come out; in one line, as it is shown."""
    numbers = iter(range(1, 99))
    return " ".join(re.sub(r"\{\}", lambda _: f"<{next(numbers)}>", line).split())


@pytest.mark.parametrize("words", OTHERS, ids=lambda words: words.code)
def test_every_line_is_known(words):
    found = [(where, line) for where, line in spoken() if line not in NOT_ON_THE_PAGE]
    assert len(found) > 150
    unknown = [f"{where}: {line}" for where, line in found if words.sayings(filled(line)) is None]
    assert not unknown, "\n".join(unknown)


@pytest.mark.parametrize("words", OTHERS, ids=lambda words: words.code)
def test_no_line_is_left_of_what_is_said_no_more(words):
    import tomllib

    table = tomllib.loads((ROOT / "ui" / "texts" / f"{words.code}.toml").read_text(encoding="utf-8"))["said"]
    texts = []
    for package in ("copilot", "finetune", "indexer"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr | ast.Constant):
                    texts += templates(node)
    whole = " ".join("\n".join(texts).replace("\n", " ").split())
    stale = []
    for line in table:
        parts = [" ".join(part.split()) for part in re.split(r"\{\w+(?::said)?\}|[;:,] ", line)]
        if not max(parts, key=len) or max(parts, key=len) not in whole:
            stale.append(line)
    assert not stale, "\n".join(stale)


@pytest.mark.parametrize("words", OTHERS, ids=lambda words: words.code)
def test_reasons_of_the_gate_are_known(words):
    rng = np.random.default_rng(0)
    labels = ("history", "safety", "procedure")
    gold = tuple(labels[i % 3] for i in range(120))
    worse = tuple("history" if i % 4 == 0 else label for i, label in enumerate(gold))
    sure, unsure = np.full(120, 0.99), rng.random(120)

    def model(predicted, confidence=sure, known=labels):
        return Judged(gold, predicted, confidence, known)

    decisions = [
        judge(model(gold), model(gold)),
        judge(model(worse), model(gold)),
        judge(model(gold), model(worse)),
        judge(model(gold), model(gold, unsure)),
        judge(model(gold), model(gold, known=(*labels, "new"))),
        judge(model(gold), model(gold), model(worse), model(gold)),
        judge(model(gold), model(gold), model(gold), model(worse)),
        judge(model(gold), model(worse), anchor=model(gold)),
    ]
    lines = {line for decision in decisions for line in (*decision.reasons, "; ".join(decision.reasons))}
    assert len(lines) > 10
    assert [line for line in lines if words.sayings(line) is None] == []


@pytest.mark.parametrize("words", OTHERS, ids=lambda words: words.code)
def test_findings_of_the_drift_watch_and_the_schedule_are_known(words):
    before, now = [("history", 0.9)] * 200, [("safety", 0.3)] * 200
    lines = [*watch(before, now).lines, *watch(before, before).lines, *watch(before[:3], now).lines]
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    state = ScheduleState(timedelta(days=7), 50, moment)
    lines += [
        f"skipped: {due(state, moment + timedelta(days=8), 3).reason}",
        f"failed: {due(state, moment, 99).reason}",
        f"ran: {due(state, moment + timedelta(days=8), 99).reason}",
    ]
    assert [line for line in lines if words.sayings(line) is None] == []


def test_lines_are_filled_in_and_lines_inside_lines_as_well():
    refused = AccessError("removing documents takes the role engineer; olga has operator")
    assert ZH.said(refused) == "“移除文档”需要工程师角色；olga 是操作工。"
    assert (
        ZH.said("row 7: 'x' in column 'when' is not a date; kept as text")
        == "第 7 行：列“when”中的“x”不是日期，已作为文字保留。"
    )
    assert ZH.said("there is no document 'a {0} %s.pdf'") == "没有文档 'a {0} %s.pdf'。"
    assert ZH.said("something nobody\nforesaw") == "something nobody foresaw（系统只提供英文）"
    assert words_for("en").said("there is\nno job 'x'") == "there is no job 'x'" and ZH.said("") == ""


def test_the_most_telling_line_wins_and_several_are_taken_apart():
    told = Sayings(
        {"no {what}": "无 {what}", "no route {route}; look at {list}": "无路线 {route}，见 {list}", "it fell": "下降"}
    )
    assert told("no route x; look at y") == "无路线 x，见 y"
    assert told("it fell; it fell; no route x; look at y") == "下降; 下降; 无路线 x，见 y"
    assert told("it fell; something else") is None and told("x" * 5_000) is None


@pytest.mark.parametrize("table", [{"{a}{b}": "{a}"}, {"no {a}": "无 {b}"}])
def test_a_line_that_cannot_be_filled_in_is_named(table):
    with pytest.raises(ValueError, match="said"):
        Sayings(table)


def test_another_language_is_another_file():
    french = read_words("fr", '[language]\nname = "Français"\n[page]\nin_english = "{line} (en anglais)"\n'
                              '[said]\n"there is no job {job}" = "il n\'y a pas de tâche {job}"\n')  # fmt: skip
    assert french.said("there is no job 'j7'") == "il n'y a pas de tâche 'j7'"
    assert french.said("there is no answer 'a1'") == "there is no answer 'a1' (en anglais)"


def test_notices_show_markup_as_text_under_a_title_of_the_pages_language(monkeypatch):
    import gradio

    shown = []
    monkeypatch.setattr(gradio, "Warning", lambda text, **more: shown.append((text, more["title"])))
    monkeypatch.setattr(gradio, "Info", lambda text, **more: shown.append((text, more["title"])))
    common.warn(ZH.said("there is no document '<img src=x onerror=alert(1)>'"), ZH)
    common.inform("<b>done</b>", words_for("en"))
    assert shown == [
        ("没有文档 &#x27;&lt;img src=x onerror=alert(1)&gt;&#x27;。", "未完成"),
        ("&lt;b&gt;done&lt;/b&gt;", "Notice"),
    ]


class Refusing:
    """A service that refuses everything with one error."""

    def __init__(self, error):
        self.error = error
        self.settings = SimpleNamespace(server=SimpleNamespace(upload_mb=1, watch=False))

    def __getattr__(self, name):
        def refuse(*_, **__):
            raise self.error

        return refuse

    def ask(self, *_):
        yield from ()
        raise self.error

    def routes(self):
        return ()


def test_every_tab_refuses_in_the_pages_language():
    from ui.session import Session
    from ui.tabs.chat import Chat
    from ui.tabs.faults import Faults
    from ui.tabs.library import Library
    from ui.tabs.training import Training

    busy = BusyError("17 questions are being answered or wait already; ask again in a few seconds", 5)
    said = "已有 17 个问题正在回答或排队，请几秒后再问。"
    page = SimpleNamespace(service=Refusing(busy), words=lambda session: words_for(session.language), images=None)
    session, user = Session(language="zh"), User("egon", Role.ENGINEER)

    chat, library, faults, training = Chat(page), Library(page), Faults(page), Training(page)
    list(chat.ask(session, "E-207?", None, user))
    session.previewed = ("a.md", 1)
    shown = [
        chat.log(session), chat.history(session, "", user),
        library.documents(session, user), library.preview(session, user), library.remove(session, user, "b.md"),
        library.watch(session, user, "/plant", "")[1], library.unwatch(session, user, "/plant"),
        faults.statistics(session, user, None, "all_time"), faults.reports_html(session, user, None, ""),
        faults.save(session, user, {"symptom": "leak"})[1],
        training.queue(session, user), training.versions(session, user), training.schedule(session, user),
        training.drift(session, user), training.act(session, {"fc": "accept", "value": "x"}, user)[1],
    ]  # fmt: skip
    assert [html for html in shown if said not in html] == []


def test_a_switch_of_versions_that_came_second_is_told_in_words():
    from ui.session import Session
    from ui.tabs.training import Training

    service = Refusing(ConflictError("v0002 of router answers by now, and no longer v0003; look again"))
    training = Training(SimpleNamespace(service=service, words=lambda session: words_for(session.language)))
    wanted = {"fc": "rollback", "task": "router", "seen": "v0003"}
    assert training.act(Session(), wanted, User("egon", Role.ENGINEER)) == (
        False, "Somebody else has changed the version in force meanwhile; look at the list and decide again.",
    )  # fmt: skip
