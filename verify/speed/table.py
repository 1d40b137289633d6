"""The table of a measurement, and its goals: ratios of rates taken in one run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from verify.speed.case import Case, Rates
from verify.speed.limits import BIT_GENERATORS, REAL, generator_name, limits
from verify.speed.loops import Loop, arithmetic_name, bound, halves, loops, noise_rate, reference, whole
from verify.speed.others import ORDERS, finite_sum_name, jump_name, others
from verify.speed.rivals import STREAMS, plain_name, rivals
from verify.speed.start import starts

Row = dict[str, Any]

LITERAL, FUSED = Loop("quartic", 10), Loop("quartic", 10, fused=True)
SIGNS = Loop("quartic", 10, "rademacher")
FAST, FAST_FUSED = Loop("quartic", 10, stream="fast"), Loop("quartic", 10, stream="fast", fused=True)
PLAIN, HAND = plain_name("quartic", 10), "NumPy by hand quartic d=10"


def cases() -> dict[str, list[Case]]:
    """Everything that is timed, by kind."""
    listed = list(loops())
    return {
        "limit": list(limits()),
        "loop": [whole(loop) for loop in listed],
        "half": halves(listed),
        "kernel": [reference(), *others()],
        "rival": list(rivals()),
        "start": list(starts()),
    }


def rows(listed: dict[str, list[Case]], rate: Rates) -> list[Row]:
    """One row a case: rates on one and on two cores; for a loop also its ratio to plain NumPy and to its own bound."""
    by_name = {loop.name: loop for loop in loops()}
    aims = {goal["kernel"]: goal for goal in goals(rate) if "kernel" in goal}
    found = []
    for kind, members in listed.items():
        for case in members:
            if (case.name, 1) in rate:
                row: Row = {"kind": kind, "name": case.name, "unit": case.unit, "per_core": rate[case.name, 1]}
                row["two_cores"] = rate.get((case.name, 2))
                if kind == "loop":
                    row |= _of_loop(by_name[case.name], rate)
                aim = aims.get(case.name)
                found.append(row | ({"goal": aim["asked"], "met": aim["met"]} if aim else {}))
    return found


def _of_loop(loop: Loop, rate: Rates) -> Row:
    facts: Row = {"level": loop.level, "d": loop.d, "noise": loop.noise, "precision": loop.precision}
    facts |= {"stream": loop.stream, "fused": loop.fused, "flops": loop.flops, "drawn": loop.drawn}
    own = rate[loop.name, 1]
    if (plain_name(loop.level, loop.d), 1) in rate:
        facts["ratio"] = own / rate[plain_name(loop.level, loop.d), 1]
    if (arithmetic_name(loop), 1) in rate:
        facts |= {"noise_rate": noise_rate(loop, rate), "arithmetic_rate": rate[arithmetic_name(loop), 1]}
        facts |= {"bound": bound(loop, rate), "share": own / bound(loop, rate)}
    return facts


def goals(rate: Rates) -> list[Row]:
    """Each goal that the rates at hand can judge: what is asked, what was measured, whether it is met."""
    found: list[Row] = []

    def aim(words: str, asked: str, least: float, value: float, kernel: str = "", most: bool = False) -> None:
        row: Row = {"goal": words, "asked": asked, "measured": value, "met": value <= least if most else value >= least}
        found.append(row | ({"kernel": kernel} if kernel else {}))

    def r(name: str) -> float:
        return rate[name, 1]

    def known(*names: str) -> bool:
        return all((name, 1) in rate for name in names)

    numpy = [f"NumPy {name} {precision}" for name in BIT_GENERATORS for precision in REAL]
    for loop, words, least in (
        (LITERAL, "exact literal", 30), (FUSED, "exact fused", 55), (FAST, "fast literal", 40),
        (FAST_FUSED, "fast fused", 80),
    ):  # fmt: skip
        if known(loop.name, PLAIN):
            aim(f"{words} / plain NumPy", f">= {least} x NumPy", least, r(loop.name) / r(PLAIN), loop.name)
    for stream, least in (("exact", 4), ("fast", 5)):
        own = generator_name("float32", stream)
        if known(own, *numpy):
            fastest = max(r(name) for name in numpy)
            aim(f"{stream} generator / NumPy's fastest", f">= {least} x NumPy", least, r(own) / fastest, own)
    for loop in (LITERAL, FUSED, FAST, FAST_FUSED):
        if known(loop.name, arithmetic_name(loop), generator_name("float32", loop.stream)):
            words = f"{loop.stream} {'fused' if loop.fused else 'literal'} / its own bound"
            aim(words, ">= 0.75", 0.75, r(loop.name) / bound(loop, rate))
    if known(SIGNS.name, FUSED.name):
        aim("Rademacher / fused Gaussian", ">= 2 x fused", 2, r(SIGNS.name) / r(FUSED.name), SIGNS.name)
    scans = [f"JAX scan {stream} quartic d=10" for stream in STREAMS]
    if known(LITERAL.name, *scans):
        aim("exact literal / fastest JAX scan", ">= 10", 10, r(LITERAL.name) / max(r(name) for name in scans))
    summed = finite_sum_name("float32")
    if known(summed, "JAX scan finite sum"):
        aim("finite sum / JAX", ">= 4 x JAX", 4, r(summed) / r("JAX scan finite sum"), summed)
    if known(*(jump_name(p) for p in ORDERS)):
        slowest = min(ORDERS, key=lambda p: r(jump_name(p)))
        aim("jump kernel, slowest p <= 8, M steps/s", ">= 4 M/s", 4, r(jump_name(slowest)) / 1e6, jump_name(slowest))
    if known("--help", "import numpy"):
        aim("--help / import numpy", "<= 2", 2, r("import numpy") / r("--help"), "--help", most=True)
    return found


def text(found: Sequence[Row], judged: Iterable[Row]) -> str:
    """The table as lines, and the goals below it."""
    lines = [f"{'kernel':52}{'per core':>11}{'2 cores':>11}{'x NumPy':>9}{'of bound':>9}  goal"]
    for row in found:
        if row["kind"] != "half":
            unit = {"calls": "M calls/s", "normals": "M normals/s", "flop": "M flop/s", "bytes": "M bytes/s"}
            head = f"{row['name']:52}{row['per_core'] / 1e6:11.4g}{_shown(row, 'two_cores', 1e-6, '.4g'):>11}"
            aim = f"{row['goal']}: {'met' if row['met'] else 'missed'}" if row.get("goal") else ""
            ratio, share = _shown(row, "ratio", 1, ".1f"), _shown(row, "share", 1, ".2f")
            lines.append(f"{head}{ratio:>9}{share:>9}  {aim or unit.get(row['unit'], 'M ' + row['unit'] + '/s')}")
    for goal in judged:
        state = "met" if goal["met"] else "MISSED"
        lines.append(f"{goal['goal']:52}{goal['measured']:11.3g}   asked {goal['asked']}: {state}")
    return "\n".join(lines)


def _shown(row: Row, key: str, factor: float, form: str) -> str:
    return "" if row.get(key) is None else format(row[key] * factor, form)
