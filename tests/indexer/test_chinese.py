"""Traditional and simplified Chinese are one for searching, and nothing that is quoted changes its script."""

from __future__ import annotations

import re

import pytest

from finetune.privacy import mask
from indexer.analysis import fold, question_tokens, tokens
from indexer.chinese import both_scripts, simplified
from indexer.codes import candidates
from indexer.fault_reports.names import normal_form
from indexer.fault_reports.values import header_unit, parse_hours
from indexer.safety_notes import warning_signal
from indexer.traditional import SIMPLIFIED, TRADITIONAL

MANUAL = """# 空壓機 KZ-37 使用手冊

## 1 安全

警告：打開機殼前必須切斷電源並釋放壓縮空氣。

## 2 保養

| 項目 | 週期 | 作業 |
|---|---|---|
| 空氣濾清器 | 每 500 小時 | 清潔濾芯 |
| 油氣分離器 | 每 4000 小時 | 更換分離器濾芯 |

## 3 故障代碼

| 代碼 | 說明 | 處理 |
|---|---|---|
| E-41 | 排氣溫度過高 | 檢查冷卻風扇，清潔散熱器 |
| E-42 | 馬達過載 | 檢查軸承與電壓 |
"""

REPORTS = """設備,日期,故障描述,原因,處理措施,停機時間(小時)
KZ-37,2026-03-04,排氣溫度過高停機,散熱器積塵,清潔散熱器,1.5
KZ-37,2026-05-11,馬達軸承異響,軸承磨損,更換軸承,4
KZ-37,2026-06-02,漏油,油封老化,更換油封,2
"""


def test_folding_keeps_every_position_and_is_done_once() -> None:
    text = "打開壓縮機的蓋板，檢查 E-41 之後的濾芯。"
    plain = simplified(text)
    assert plain == "打开压缩机的盖板，检查 E-41 之后的滤芯。"
    assert len(plain) == len(text)
    assert simplified(plain) == plain
    assert not set(TRADITIONAL) & set(SIMPLIFIED), "a folded character would be folded again"
    assert len(TRADITIONAL) == len(SIMPLIFIED) == len(set(TRADITIONAL))


def test_both_scripts_have_the_same_tokens() -> None:
    assert tokens("軸承溫度過高") == tokens("轴承温度过高")
    assert question_tokens("如何更換濾芯？") == question_tokens("如何更换滤芯？")
    assert fold("ＡＣ-75 電機") == "ac-75 电机"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"危险|警告", "危險：高壓"),
        (r"[时分]间", "時間"),
        (r"(?<![最大])压[力缩]", "壓縮"),
        (r"[^\]电]机", "風機"),
    ],
)
def test_patterns_written_in_one_script_fit_the_other(pattern: str, text: str) -> None:
    assert re.search(both_scripts(pattern), text)
    assert not re.search(pattern, text) or "電" not in text


def test_an_excluded_character_is_excluded_in_both_scripts() -> None:
    assert not re.search(both_scripts(r"[^电]机"), "電機")
    assert both_scripts(r"\d+[a-z]\[") == r"\d+[a-z]\["


def test_warnings_codes_columns_and_durations_are_read() -> None:
    assert warning_signal("危險：高壓氣體") == "DANGER"
    assert warning_signal("注意：先釋放壓力") == "NOTICE"
    assert [found.written for found in candidates("報警207是什麼意思")] == [
        found.written for found in candidates("报警207是什么意思")
    ]
    assert normal_form("故障描述（處理）") == normal_form("故障描述（处理）")
    assert header_unit("停機時間(分鐘)") == pytest.approx(1 / 60)
    assert parse_hours("2小時30分鐘") == pytest.approx(2.5)


def test_names_in_traditional_script_are_masked() -> None:
    assert "張建國" not in mask("請聯繫張建國師傅處理").text


@pytest.fixture(scope="module")
def traditional_home(tmp_path_factory, command):
    folder = tmp_path_factory.mktemp("traditional")
    (folder / "plant").mkdir()
    (folder / "plant" / "KZ-37_manual.md").write_text(MANUAL, encoding="utf-8")
    (folder / "plant" / "reports.csv").write_text(REPORTS, encoding="utf-8")
    ran = command("index", folder / "plant", "--home", folder / "home")
    assert ran.code == 0, ran.err
    return folder / "home"


def _ask(command, home, question: str) -> dict:
    ran = command("ask", question, "--home", home, "--json")
    assert ran.code == 0, ran.err
    return ran.json()


@pytest.mark.parametrize("question", ["油气分离器多久更换一次？", "油氣分離器多久更換一次？"])
def test_a_traditional_manual_answers_questions_of_both_scripts(command, traditional_home, question: str) -> None:
    answer = _ask(command, traditional_home, question)
    assert answer["status"] == "answered"
    assert "4000" in answer["text"]
    quotes = " ".join(citation["quote"] for citation in answer["citations"])
    assert "油氣分離器" in quotes, "quotes stay in the script of the document"


def test_a_traditional_alarm_table_and_its_warning(command, traditional_home) -> None:
    answer = _ask(command, traditional_home, "报警 E-41 怎么处理？")
    assert "檢查冷卻風扇" in answer["text"]
    answer = _ask(command, traditional_home, "打开机壳前要注意什么？")
    assert any("切斷電源" in warning["text"] for warning in answer["warnings"])


def test_traditional_fault_reports_are_counted(command, traditional_home) -> None:
    answer = _ask(command, traditional_home, "KZ-37 上次轴承异响是怎么修好的？")
    assert "更換軸承" in answer["text"]
