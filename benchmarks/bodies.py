"""Bodies taught in different ways, side by side on translation retrieval: first vectors, methods, what a run contributes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from benchmarks import bilingual_data as data
from benchmarks.bilingual import about, bodies_of, both_ways
from benchmarks.common import Table, percent


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every body given and record one table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks bodies", description=__doc__)
    parser.add_argument("--bodies", nargs="+", metavar="NAME=FOLDER", required=True, help="composed folders to compare")
    parser.add_argument("--note", action="append", default=[], help="how they were made, for the record")
    parser.add_argument("--name", default="bodies", help="of the table, so that several can stand side by side")
    parser.add_argument("--title", default="Ways of teaching the body compared")
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args(arguments)
    dev, held_out = data.dev_pairs(None), data.held_out_sources(None)
    table = Table(
        "bilingual", options.name, f"{options.title}: the translation is the nearest of all",
        ["body", "dev, zh → en", "dev, en → zh", "dev, permissive part", "dev, share-alike part", *(f"{pairs.name} (mean of both)" for pairs in held_out), "English cosine"],
        notes=list(options.note),
    )  # fmt: skip
    bodies = bodies_of(options.bodies)
    table.notes.append(about(bodies))
    before = bodies[0].documents(dev.english)
    edge = data.DEV_PERMISSIVE
    for body in bodies:
        sides = both_ways(body, dev)
        groups = [np.concatenate([side[part] for side in sides]) for part in (slice(0, edge), slice(edge, None))]
        others = [np.concatenate(both_ways(body, pairs)) for pairs in held_out]
        cosine = float((body.documents(dev.english) * before).sum(axis=1).mean())
        table.add(body.name, *map(percent, (*sides, *groups, *others)), f"{cosine:.3f}")
    table.publish(not options.no_save)


if __name__ == "__main__":
    main()
