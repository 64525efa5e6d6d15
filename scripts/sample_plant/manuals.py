"""Which manuals the sample plant has, and how each is written."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import figures, office_kit, pdf_kit
from .markup import CONTENT, load

PRESS = "HP-200/HP-200_operating_manual.pdf"
MILL = "VM-5/VM-5_machining_centre_manual.docx"
MILL_ALARMS = "VM-5/VM-5_alarm_list.xlsx"
PACKER = "PK-3/PK-3_manual.md"
SCHEDULE_A = "PK-3/PK-3_maintenance_schedule_rev_A.md"
SCHEDULE_B = "PK-3/PK-3_maintenance_schedule_rev_B.md"
COMPRESSOR = "AC-75/AC-75_manual_zh.pdf"
SEED = 20240301


def write_all(folder: Path, cjk_font: Path) -> None:
    """Write every manual below `folder`."""
    for machine in ("HP-200", "VM-5", "PK-3", "AC-75"):
        (folder / machine).mkdir(parents=True, exist_ok=True)
    press = pdf_kit.Cover(
        title="HP-200 Hydraulic Press",
        subtitle="Operating and maintenance manual",
        lines=(
            "Document HP2-OM-04 EN, revision D",
            "Issued 2023-11-20. Replaces revision C.",
            "Serial numbers 0114 and later, PLC program 3.x",
            "Fictional machine of the sample plant.",
        ),
        header="HP-200 Hydraulic Press - Operating and maintenance manual",
        document_no="HP2-OM-04 EN Rev D",
        figures={"press": figures.press},
    )
    pdf_kit.write_manual(folder / PRESS, load("press.md"), press, seed=SEED)
    font = pdf_kit.register_cjk(cjk_font)
    if missing := pdf_kit.missing_glyphs((CONTENT / "compressor_zh.md").read_text(encoding="utf-8"), font[0]):
        raise ValueError(f"the font {cjk_font} has no glyphs for {missing!r}: name another font or mend the text")
    compressor = pdf_kit.Cover(
        title="AC-75 变频螺杆空气压缩机",
        subtitle="使用与维护手册",
        lines=(
            "文件号 AC75-UM-03，版本 C",
            "发布日期 2023-08-15，代替版本 B",
            "控制器程序 2.4 及以上",
            "示例工厂的虚构设备。",
        ),
        header="AC-75 变频螺杆空气压缩机 使用与维护手册",
        document_no="AC75-UM-03 版本 C",
        contents="目录",
        page_word="第 {page} 页",
        table_word="表 {n}：{name}",
        figure_word="图 {n}：{name}",
        font=font,
        language="zh",
    )
    pdf_kit.write_manual(folder / COMPRESSOR, load("compressor_zh.md"), compressor, seed=SEED)
    office_kit.write_docx(
        folder / MILL,
        load("mill.md"),
        title="VM-5 Machining Centre",
        subtitle="Operation, set-up and maintenance. Document VM5-OM-06 EN, revision B, issued 2024-03-01.",
        header="VM-5 Machining Centre - VM5-OM-06 EN Rev B",
    )
    office_kit.write_alarms(folder / MILL_ALARMS)
    for name, target in (
        ("packer.md", PACKER),
        ("packer_schedule_a.md", SCHEDULE_A),
        ("packer_schedule_b.md", SCHEDULE_B),
    ):
        shutil.copyfile(CONTENT / name, folder / target)
