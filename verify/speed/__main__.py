"""``python -m verify.speed [--rounds N] [--record]``: time everything, print the table, keep it for the report.

With ``--record`` verify/results/speed.csv (the table), speed-goals.csv, speed-exponents.csv and speed-machine.csv are
written, after a run of 10^9 calls (``--long``) for the memory.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import metadata, util

from verify.environment import manifest
from verify.record_results import RESULTS
from verify.speed.case import measure
from verify.speed.scaling import exponents, scaling
from verify.speed.start import BILLION, growth
from verify.speed.table import Row, cases, goals, rows, text
from verify.tables import write_table

COMMAND = "python -m verify.speed --record --long"


def memory(long: bool) -> list[Row]:
    """Largest memory over that of the imports (so kernels count), of a run and of ones ten times as long in T, S, K."""
    T, S, K = BILLION if long else (2, 100, 3000)
    found = growth(T, S, K)
    words = f"memory over that of the imports, after {found['calls']:.2e} calls, MB"
    judged = [{"goal": words, "asked": "< 100", "measured": found["over_imports"], "met": found["over_imports"] < 100}]
    small = (2, 100, 3000)
    for axis in range(3):
        size = tuple(10 * v if i == axis else v for i, v in enumerate(small))
        more = growth(*size)["over_imports"]
        name = ["T", "S", "K"][axis]
        judged.append(
            {"goal": f"the same with ten times {name}, MB", "asked": "< 100", "measured": more, "met": more < 100}
        )
    return judged


def machine() -> list[Row]:
    """What the numbers belong to."""
    known = manifest()
    facts = {key: known[key] for key in ("suite", "python", "processor", "cores", "platform")} | known["packages"]
    if util.find_spec("jax") is not None:
        facts["jax"] = metadata.version("jax")
    return [{"what": key, "value": str(value)} for key, value in facts.items()]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m verify.speed", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="each rate is the best of so many")
    parser.add_argument("--record", action="store_true", help="write verify/results/speed*.csv")
    parser.add_argument("--long", action="store_true", help="take the memory's growth over 10^9 calls (a minute)")
    options = parser.parse_args(arguments)

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    listed = cases()
    rate = measure([case for members in listed.values() for case in members], options.rounds, say)
    powers = exponents(measure(scaling(), options.rounds, say))
    found, judged = rows(listed, rate), goals(rate) + memory(options.long)
    print(text(found, judged))
    for row in powers:
        print(f"{row['kernel']:8} time ~ {row['in']}^{row['power']:.2f}, {row['in']} from {row['from']} to {row['to']}")
    if options.record:
        tables = {"speed": found, "speed-goals": judged, "speed-exponents": powers, "speed-machine": machine()}
        for name, lines in tables.items():
            write_table(RESULTS / f"{name}.csv", lines, COMMAND, overwrite=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
