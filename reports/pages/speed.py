"""How fast the kernels are: recorded rates beside the machine's own limits, and the goals met and missed."""

from __future__ import annotations

from typing import Any

import numpy as np

from reports.context import Context
from reports.figure import Plot
from reports.page import Block, Bullets, Code, Column, Details, Facts, Figure, Heading, Note, Page, Paragraph
from reports.pages.measured import rows_table
from verify.record_results import RESULTS
from verify.tables import read_table

Row = dict[str, Any]

LOOPS: dict[str, str | Column] = {
    "what": "loop",
    "mega": Column("one core", ".3g"),
    "mega_2": Column("two cores", ".3g"),
    "ratio": Column("× plain NumPy", ".1f"),
    "mega_noise": Column("noise alone", ".3g"),
    "mega_arithmetic": Column("arithmetic alone", ".3g"),
    "share": Column("share of bound", ".2f"),
}
OTHERS: dict[str, str | Column] = {
    "name": "what",
    "mega": Column("one core", ".4g"),
    "mega_2": Column("two cores", ".4g"),
    "million": "unit",
}
GOALS: dict[str, str | Column] = {
    "goal": "quantity",
    "asked": Column("asked", align="right"),
    "measured": Column("measured", ".3g"),
    "state": "",
}
POWERS: dict[str, str | Column] = {
    "kernel": "kernel",
    "in": "in",
    "from": "from",
    "to": "to",
    "power": Column("power of the time", ".2f"),
}


KEYS = ("level", "d", "precision", "stream", "noise", "fused")


def build(context: Context) -> Page:
    """The page, from the recorded tables: a machine that does other things at the same time measures nothing."""
    found, judged, powers, machine = (_read(name) for name in ("", "-goals", "-exponents", "-machine"))
    for row in found:
        two = row["two_cores"]
        row |= {"mega": row["per_core"] / 1e6, "mega_2": two / 1e6 if two else None, "million": f"M {row['unit']}/s"}
    loops = [row | _further(row) for row in found if row["kind"] == "loop"]
    groups = [i for i in range(1, len(loops)) if _group(loops[i]) != _group(loops[i - 1])]
    for goal in judged:
        goal["state"] = "met" if goal["met"] else "missed"
    met = sum(goal["met"] for goal in judged)
    command = read_table(RESULTS / "speed.csv").command
    blocks: list[Block] = [
        Paragraph(
            "One **call** answers F and G at one point for one seed and one node: two draws of noise and one inner "
            "step. Rates on one core are by processor time and on two by the clock, each the best of several rounds "
            "that go over everything in turn, so that ratios are taken within one run."
        ),
        _roofline(found, loops),
        rows_table(judged, GOALS, f"Goals: {met} of {len(judged)} met", "speed-goals"),
        *_missed(judged, loops),
        Heading("Literal loops"),
        rows_table(loops, LOOPS, "M calls/s, 64 seeds at two nodes; bound: noise, then arithmetic",
                   "speed-loops", groups),
        Heading("Other kernels, limits and rivals"),
        rows_table([r for r in found if r["kind"] in ("kernel", "rival")], OTHERS, "Other kernels and rivals",
                   "speed-kernels"),
        rows_table([r for r in found if r["kind"] == "limit"], OTHERS, "What the machine can do", "speed-limits"),
        rows_table(powers, POWERS, "Powers fitted to the time of a run", "speed-powers"),
        Details("The machine, and the command", (
            Facts([(row["what"], row["value"]) for row in machine]), Code(command),
        )),
    ]  # fmt: skip
    lead = "Every kernel against what the machine can do: its generator, its multiply-adds, and the copying of memory."
    return Page("speed", "Speed", lead, tuple(blocks))


def _read(part: str) -> list[Row]:
    return [dict(row) for row in read_table(RESULTS / f"speed{part}.csv").rows]


def _group(row: Row) -> tuple[Any, ...]:
    return row["level"], row["d"], row["precision"]


def _further(row: Row) -> Row:
    """Words and rates for the table, and where the loop stands under the roofs."""
    words = [f"{row['level']}, d = {row['d']}, {row['precision']}: {row['noise']}"]
    words += ["fused"] * row["fused"] + ["fast"] * (row["stream"] == "fast")
    more: Row = {"what": ", ".join(words), "intensity": row["flops"] / row["drawn"]}
    more["gigaflops"] = row["per_core"] * row["flops"] / 1e9
    return more | {"mega_noise": row["noise_rate"] / 1e6, "mega_arithmetic": row["arithmetic_rate"] / 1e6}


def _roofline(found: list[Row], loops: list[Row]) -> Figure:
    """Operations a second against operations for each normal drawn, in float32 on one core."""
    rate = {row["name"]: row["per_core"] for row in found}
    own, peak = rate["generator float32 exact"], rate["multiply-add float32"] / 1e9
    x = [float(v) for v in np.geomspace(0.35, 1000, 60)]
    plot = Plot(
        "speed-roofline",
        "Roofline: arithmetic operations a second against operations for each normal drawn. Literal loops lie below "
        "the line of the generator and far below the peak of multiply-adds.",
        legend="right",
        size=(7.4, 3.9),
    )
    panel = plot[0]
    numpy = max(value for name, value in rate.items() if name.startswith(("NumPy SFC", "NumPy PCG", "NumPy Phil")))
    roofs = (("own generator", own, 0), ("NumPy's fastest", numpy, 6), ("copied from memory", rate["copy"] / 8, 3))
    for name, normals, style in roofs:
        y = [min(normals * v / 1e9, peak) for v in x]
        panel.series(f"roof: {name}", x, y, style=style, marker=False, dashed=style != 0)
    own_peak = [1 / (1 / (own * v / 1e9) + 1 / peak) for v in x]
    panel.series("generator, then arithmetic", x, own_peak, style=5, marker=False, dashed=True)
    kinds = (("literal", "gaussian", False), ("fused", "gaussian", True))
    drawn = [row for row in loops if row["precision"] == "float32" and row["stream"] == "exact"]
    for number, (name, noise, fused) in enumerate(kinds):
        for level, open_marker in (("quartic", False), ("quadratic", True), ("softmax", True)):
            mine = [r for r in drawn if (r["noise"], r["fused"], r["level"]) == (noise, fused, level)]
            if mine:
                style = {"quartic": 1, "quadratic": 2, "softmax": 4}[level] + 4 * number
                points = sorted((r["intensity"], r["gigaflops"]) for r in mine)
                panel.series(f"{name}, {level}", *map(list, zip(*points)), style=style, line=False,
                             open_marker=open_marker)  # fmt: skip
    panel.labels("operations for each normal drawn", "G operations/s")
    return Figure(
        plot.spec(),
        "One core, float32. Sloping: what the random numbers allow; flat: multiply-adds in registers. The state of a "
        "loop stays in the first-level cache, so the copying of memory (4 bytes written and read for a normal) bounds "
        "only a program that keeps its normals in arrays. Points of one kind: $d = 5, 10, 100$.",
    )


def _missed(judged: list[Row], loops: list[Row]) -> list[Block]:
    """What was not reached, with where the time goes."""
    if all(goal["met"] for goal in judged):
        return []
    items = [f"{goal['goal']}: {goal['measured']:.3g}, asked {goal['asked']}." for goal in judged if not goal["met"]]
    chosen = {
        "literal": ("gaussian", False), "fused": ("gaussian", True), "Rademacher": ("rademacher", False),
    }  # fmt: skip
    shares = []
    for name, (noise, fused) in chosen.items():
        wanted = ("quartic", 10, "float32", "exact", noise, fused)
        row = next(r for r in loops if tuple(r[key] for key in KEYS) == wanted)
        call, noise_time, steps = (1e9 / row[key] for key in ("per_core", "noise_rate", "arithmetic_rate"))
        rest = call - noise_time - steps
        shares.append(f"{name}: {call:.0f} ns a call, of which noise {noise_time:.0f}, arithmetic {steps:.0f}, "
                      f"the rest (loop, sizes, metering) {rest:.0f}.")  # fmt: skip
    why = (
        "Signs are drawn twice a call, and each draw takes a whole Philox block of 128 signs, of which 10 are used at "
        "$d = 10$: two blocks, where the fused Gaussian loop takes three. The addresses are part of the stream's "
        "definition, the same on every backend, so the words are hardly cheaper; what signs save is Box-Muller. The "
        "arithmetic of a step is the same for both."
    )
    return [
        Heading("What was not reached"), Bullets(items), Note(why),
        Paragraph("Quartic, $d = 10$, float32, one core, each part timed alone:"), Bullets(shares),
    ]  # fmt: skip
