"""Adversarial search: where a statement is nearest to failing, over a box of instances.

Random points of the box (its faces more often than chance would have it), then coordinate steps from the best ones,
in floating point; every coordinate is a multiple of 1/``GRAIN``, so the instance found is the same in rationals.
"""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

from verify.evidence import Arithmetic, Evaluate, Instance, Instances, Sides

GRAIN = 240
"""Coordinates are multiples of 1/GRAIN."""

Box = dict[str, Any]
"""{name: (low, high)} for numbers, {name: [choices]} for the rest."""


def badness(sides: Sides) -> float:
    """(left - right)/(|left| + |right|), signed so that more is worse; -2 for an instance outside the assumptions."""
    if not sides.admissible:
        return -2.0
    left, right = float(sides.lhs), float(sides.rhs)
    gap = {"<=": left - right, ">=": right - left, "==": abs(left - right)}[sides.relation]
    size = abs(left) + abs(right)
    return gap / size if size > 0 else 0.0


def worst(evaluate: Evaluate, box: Box, fixed: Instance, *, seed: int, tries: int = 100, climb: int = 130) -> Instance:
    """The instance of the box with the largest ``badness`` found."""
    rng = Random(seed)

    def draw(name: str) -> str:
        ends = box[name]
        if isinstance(ends, list):
            return str(rng.choice(ends))
        low, high = int(ends[0] * GRAIN), int(ends[1] * GRAIN)
        u = rng.random()
        at = low if u < 0.15 else (high if u < 0.3 else rng.randint(low, high))
        return str(Fraction(at, GRAIN))

    def near(name: str, value: str) -> str:
        ends = box[name]
        if isinstance(ends, list) or rng.random() < 0.1:
            return draw(name)
        width = (ends[1] - ends[0]) * 10 ** -rng.uniform(0.3, 2.5)
        moved = Fraction(value) + Fraction(round(rng.uniform(-width, width) * GRAIN), GRAIN)
        low, high = (Fraction(int(e * GRAIN), GRAIN) for e in ends)
        return str(max(low, min(high, moved)))

    def score(row: Instance) -> float:
        return badness(evaluate(row, "float"))

    drawn = [fixed | {name: draw(name) for name in box} for _ in range(tries)]
    ranked = sorted(drawn, key=score, reverse=True)[:2]
    for place, row in enumerate(ranked):
        for _ in range(climb if place == 0 else climb // 2):
            names = rng.sample(sorted(box), min(len(box), rng.randint(1, 2)))
            trial = row | {name: near(name, row[name]) for name in names}
            if score(trial) >= score(row):
                row = trial
        ranked[place] = row
    return max(ranked, key=score)


def hunt(
    name: str,
    evaluate: Evaluate,
    box: Box,
    fixed: Instance,
    *,
    arithmetic: Arithmetic = "rational",
    seed: int = 1,
    tries: int = 120,
    climb: int = 200,
    sample: int = 15,
) -> Instances:
    """The statement on ``sample`` random admissible instances of the box and on the worst one found."""  # fmt: skip
    rng = Random(seed + 1000)
    rows: list[Instance] = [worst(evaluate, box, fixed, seed=seed, tries=tries, climb=climb)]
    for _ in range(20 * sample):
        row = fixed | {
            k: str(rng.choice(v)) if isinstance(v, list)
            else str(Fraction(rng.randint(int(v[0] * GRAIN), int(v[1] * GRAIN)), GRAIN))
            for k, v in box.items()
        }  # fmt: skip
        if len(rows) <= sample and evaluate(row, "float").admissible:
            rows.append(row)
    rows = [row for row in rows if evaluate(row, arithmetic).admissible]
    return Instances(name, evaluate, rows, arithmetic, "mpmath", f"search, seed {seed}, {sample} random")
