from __future__ import annotations

import pytest

from copilot.generate.records import spoken_of, told_in
from copilot.synonyms import other_words, words_for_work
from copilot.understand import _terms
from indexer.fault_reports.table import StoredReport
from indexer.types import FaultReport


def record(number: int, day: str, symptom: str, **more: object) -> StoredReport:
    extra = {str(name): str(value) for name, value in more.items()}
    report = FaultReport(str(number), day, "D", None, None, symptom, None, None, extra=extra)
    return StoredReport(report, "orders.csv", f"orders-{number}")


RECORDS = [
    record(6, "2011-05-01", "Horn not working"),
    record(5, "2010-02-03", "C/O L/H slew gear box"),
    record(4, "2009-03-10", "Change slew gearbox oils"),
    record(3, "2008-10-09", "C/O R/H slew box", FuncLocation="SLEW GEARBOX - RIGHT"),
    record(2, "2007-07-07", "slew box low on oil", FuncLocation="SLEW GEARBOX - RIGHT"),
    record(1, "2006-01-01", "FRONT WINDSCREEN CRACKED"),
]


def spoken(question: str):
    others = (*other_words(question), *words_for_work(question))
    return spoken_of(question, _terms(question, ""), others, RECORDS)


@pytest.mark.parametrize(
    ("question", "ids"),
    [
        ("R/H slew gearbox change", ["3"]),  # shorthand, and the name of the location
        ("the horn", ["6"]),
        ("挡风玻璃", ["1"]),  # in the other language
        ("the bucket", []),
        ("slew gearbox of the conveyor", []),  # one word of it stands nowhere
    ],
)
def test_records_that_speak_of_the_whole_question(question, ids):
    assert [one.report.report_id for one in spoken(question).whole] == ids


def test_what_was_done_puts_other_work_behind():
    found = spoken("gearbox replaced")
    assert [one.report.report_id for one in found.whole] == ["5", "4", "3"]  # not "low on oil"
    assert found.shares[-1][1].report.report_id == "2"


def test_a_record_says_most_where_it_has_the_rarest_words():
    shares = spoken("cracked windscreen of the slew").shares
    assert shares[0][1].report.report_id == "1"


def test_a_word_cut_off_hints_and_is_not_counted():
    records = [record(2, "2024-01-02", "FANUC controller fault"), record(1, "2024-01-01", "Fan noisy")]
    found = spoken_of("fan", {"fan"}, (), records)
    assert [one.report.report_id for one in found.whole] == ["1"]
    assert {one.report.report_id for _, one in found.shares} == {"1", "2"}


def test_without_topics_nothing_is_compared_and_that_is_told():
    assert not spoken_of("when", (), (), RECORDS).asked
    nothing = spoken("the bucket")
    assert nothing.asked and not nothing.whole


def test_a_record_tells_of_its_location():
    assert "SLEW GEARBOX - RIGHT" in told_in(RECORDS[3].report)
