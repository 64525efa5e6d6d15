"""Periods of time in questions, in both languages, counted from a day that is given."""

from __future__ import annotations

from datetime import date

import pytest

from copilot.period import find_period

TODAY = date(2026, 5, 14)  # a Thursday


@pytest.mark.parametrize(
    ("question", "since", "until"),
    [
        ("How often did it stop last year?", "2025-01-01", "2025-12-31"),
        ("hose leaking in may 08", "2008-05-01", "2008-05-31"),  # a day has no nought
        ("faults in May '98", "1998-05-01", "1998-05-31"),
        ("engine changed on 10 sept 2007", "2007-09-10", "2007-09-10"),
        ("the repair of the 3rd of March 2009", "2009-03-03", "2009-03-03"),
        ("06年5月3号换油管", "2006-05-03", "2006-05-03"),
        ("08年换了几次", "2008-01-01", "2008-12-31"),
        ("24年换了几次油管", "2024-01-01", "2024-12-31"),
        ("faults on May 05, 2024", "2024-05-05", "2024-05-05"),
        ("on 12 March 2024 06:30 the pump failed", "2024-03-12", "2024-03-12"),
        ("05 May 2024", "2024-05-05", "2024-05-05"),
        ("faults of press 2 May 2025", "2025-05-01", "2025-05-31"),  # 2 is the press
        ("faults of this year", "2026-01-01", "2026-12-31"),
        ("what broke last month", "2026-04-01", "2026-04-30"),
        ("what broke last week", "2026-05-04", "2026-05-10"),
        ("last quarter", "2026-01-01", "2026-03-31"),
        ("the year before last", "2024-01-01", "2024-12-31"),
        ("in the last three months", "2026-02-14", "2026-05-14"),
        ("over the past 10 days", "2026-05-04", "2026-05-14"),
        ("since March", "2026-03-01", None),
        ("since November", "2025-11-01", None),
        ("since march 2024", "2024-03-01", None),
        ("after 2023", "2024-01-01", None),
        ("before 2023", None, "2022-12-31"),
        ("in May 2025", "2025-05-01", "2025-05-31"),
        ("from November to February 2025", "2024-11-01", "2025-02-28"),
        ("Q1 2024", "2024-01-01", "2024-03-31"),
        ("yesterday", "2026-05-13", "2026-05-13"),
        ("去年坏了几次", "2025-01-01", "2025-12-31"),
        ("前年", "2024-01-01", "2024-12-31"),
        ("上个月坏了几次", "2026-04-01", "2026-04-30"),
        ("本周有什么故障", "2026-05-11", "2026-05-17"),
        ("近三个月", "2026-02-14", "2026-05-14"),
        ("最近半年的故障", "2025-11-14", "2026-05-14"),
        ("最近十二天", "2026-05-02", "2026-05-14"),
        ("自3月以来", "2026-03-01", None),
        ("从2023年3月起", "2023-03-01", None),
        ("去年5月", "2025-05-01", "2025-05-31"),
        ("2023年5月", "2023-05-01", "2023-05-31"),
    ],
)
def test_periods(question, since, until):
    found = find_period(question, TODAY)
    assert found is not None
    assert (found.since, found.until) == tuple(
        None if day is None else date.fromisoformat(day) for day in (since, until)
    )


@pytest.mark.parametrize(
    "question",
    [
        "may I open the door",
        "用了10年",
        "may 8",
        "the 5 may be wrong",
        "What did we do last time?",
        "machine HX-2000",
        "the last repair",
        "每3个月换一次",
        "上次怎么修的",
        "March the sheet in",
    ],
)
def test_what_only_looks_like_a_period(question):
    assert find_period(question, TODAY) is None


def test_years_and_months_are_kept_as_written():
    assert [find_period(text, TODAY).written for text in ("in 2023", "2023-5", "2023年5月", "last year")] == [
        "2023", "2023-05", "2023-05", "",
    ]  # fmt: skip
