"""`python -m benchmarks [NAME] [OPTIONS]`: one benchmark with its options, or all that have their data, then the report."""

from __future__ import annotations

import os
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from benchmarks import (
    answers,
    bilingual,
    bodies,
    codes,
    cold,
    encoder,
    gates,
    grounding,
    indexing,
    load,
    reading,
    report,
    retrieval,
    routing,
    safety,
    scale,
    tagging,
)

BENCHMARKS = {
    "retrieval": retrieval.main,
    "answers": answers.main,
    "reading": reading.main,
    "codes": codes.main,
    "safety": safety.main,
    "bilingual": bilingual.main,
    "indexing": indexing.main,
    "encoder": encoder.main,
    "grounding": grounding.main,
    "scale": scale.main,
    "cold": cold.main,
    "load": load.main,
    "report": report.main,
    "gates": gates.main,
    "bodies": bodies.main,
    "routing": routing.main,
    "tagging": tagging.main,
}
ASKED_FOR = ("gates", "bodies", "routing", "tagging")  # run by name only: what they check or compare takes its own time


def main() -> int:
    arguments = sys.argv[1:]
    if arguments and arguments[0] in ("-h", "--help"):
        print(f"python -m benchmarks [NAME...] or NAME [OPTIONS]; names: {', '.join(BENCHMARKS)}")
        return 0
    names = [name for name in arguments if not name.startswith("-")]
    if arguments and arguments[0] in BENCHMARKS and not all(name in BENCHMARKS for name in arguments):
        BENCHMARKS[arguments[0]](arguments[1:])
        return 0
    unknown = [name for name in arguments if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    for name in names or [name for name in BENCHMARKS if name not in ASKED_FOR]:
        start = time.perf_counter()
        BENCHMARKS[name]([])
        print(f"({name}: {time.perf_counter() - start:.0f} s)")
    if names and "report" not in names:
        report.main([])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
