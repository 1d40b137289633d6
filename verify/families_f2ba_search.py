"""Where the inequalities of paper 001 are hardest: an adversarial search with restarts, and families in kappa.

``adversary`` climbs any ratio left/right over the instances of ``verify.families_f2ba`` (scalar and two-dimensional
y; badly scaled, degenerate, non-commuting Hessians, f convex, concave or indefinite in y, nearly affine f) in doubles
and returns rational
instances: whoever uses them evaluates them again in exact arithmetic. ``steep`` and ``smooth`` are one-parameter
families whose constants C_f, L_f, L_g, rho_g stay bounded while mu = 1/kappa exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from synthetic.errors import InputError
from verify.evidence import Instance
from verify.families_f2ba import Point, well

Ratio = Callable[[Point], float]
START_SCALES = (1e-3, 1e-1, 1.0)


def rational(value: float, digits: int = 3) -> str:
    """A short rational near a double, as a string."""
    if value == 0:
        return "0"
    return str(Fraction(f"{value:.{digits}g}"))


def _random(rng: np.random.Generator, d: int) -> dict[str, Any]:
    """Parameters of a random instance: plain doubles, filled in by ``_instance``."""
    scale = rng.choice(START_SCALES)
    return {
        "d": d,
        "lam": float(rng.choice([1.0, 30.0])),
        "stiff": rng.uniform(0.3, 1.0, d) * np.array([scale, 1.0][:d]),
        "mix": rng.uniform(-0.5, 0.5),
        "couple": rng.choice([-1.0, 1.0]) * rng.uniform(0.2, 2.0, d),
        "pure_x": rng.uniform(-2.0, 2.0),
        "g_dir": rng.normal(size=(2, 1 + d)),
        "g_size": rng.uniform(-1.0, 1.0, 2),
        "g_shift": rng.uniform(-1.5, 1.5, 2),
        "f_dir": rng.normal(size=(d + 1, 1 + d)),
        "f_shift": rng.uniform(-1.5, 1.5, d + 1),
        "f_extra": rng.uniform(-1.0, 1.0),
        "delta": rng.normal(size=d),
        "reach": -rng.uniform(0.5, 4.0),
    }


def _instance(p: dict[str, Any]) -> Instance:
    """Parameters -> a rational instance; ``reach`` is log10 |delta|, ``g_size`` is relative to the stiffness."""
    d = p["d"]
    Q = np.zeros((1 + d, 1 + d))
    Q[0, 0] = p["pure_x"]
    Q[0, 1:] = Q[1:, 0] = p["couple"]
    Q[1:, 1:] = np.diag(np.abs(p["stiff"]))
    if d == 2:
        Q[1, 2] = Q[2, 1] = p["mix"] * np.sqrt(abs(p["stiff"][0] * p["stiff"][1]))
    weakest = np.linalg.eigvalsh(Q[1:, 1:])[0]
    ridges_g = []
    for k in range(2):
        l = p["g_dir"][k]
        ridges_g.append(
            [
                rational(p["g_size"][k] * weakest / (0.1 + float(l[1:] @ l[1:]))),
                [rational(v) for v in l],
                rational(p["g_shift"][k]),
            ]
        )
    delta = 10.0 ** p["reach"] * p["delta"] / (1e-9 + np.linalg.norm(p["delta"]))
    ridges_f: list[Any] = [[None, [rational(v) for v in p["f_dir"][k]], rational(p["f_shift"][k])] for k in range(d)]
    extra = p["f_extra"] * p["lam"] * weakest * float(np.linalg.norm(delta))
    ridges_f.append([rational(extra), [rational(v) for v in p["f_dir"][d]], rational(p["f_shift"][d])])
    return {
        "lam": rational(p["lam"]),
        "delta": [rational(v) for v in delta],
        "Q": [[rational(v) for v in row] for row in Q],
        "g": ridges_g,
        "f": ridges_f,
    }


def _score(instance: Instance, ratio: Ratio) -> float:
    """The ratio on an admissible instance, -1 on one that misses an assumption."""
    try:
        point = Point(instance, "float")
        return ratio(point) if all(point.assumptions.values()) else -1.0
    except (ZeroDivisionError, np.linalg.LinAlgError):
        return -1.0


def adversary(ratio: Ratio, *, seed: int, restarts: int = 4, steps: int = 120) -> list[Instance]:
    """The hardest instance of each restart (the dimension of y alternates), as rationals, hardest first."""
    found: list[tuple[float, Instance]] = []
    for restart in range(restarts):
        rng = np.random.default_rng([seed, restart])
        best, params, step = -1.0, _random(rng, 1 + restart % 2), 0.5
        chosen = _instance(params)
        for _ in range(steps):
            trial = dict(_random(rng, params["d"]) if best < 0 else _moved(params, rng, step))
            candidate = _instance(trial)
            score = _score(candidate, ratio)
            if score > best:
                best, params, chosen = score, trial, candidate
                step = min(1.0, step * 1.5)
            else:
                step = max(0.02, step * 0.93)
        if best >= 0:
            found.append((best, chosen))
    return [instance for _, instance in sorted(found, key=lambda pair: -pair[0])]


def _moved(params: dict[str, Any], rng: np.random.Generator, step: float) -> dict[str, Any]:
    moved = dict(params)
    for key, value in params.items():
        if key not in ("d", "lam") and rng.random() < 0.35:
            noise = rng.normal(size=np.shape(value)) * step
            moved[key] = value * np.exp(noise) if key == "stiff" else value + noise
    return moved


def steep(kappa: int, lam: int = 10**40) -> Instance:
    """mu = 1/kappa, C_f <= 1, L_f <= 4, L_g <= 2, rho_g <= 1, rho_f <= 29, and nu_g growing like kappa.

    g_yy stays within [mu, 6 mu] and crosses that range over a length of order mu: the third derivative of g acts at
    full strength where g is weakly convex.
    """
    return _kappa_family(kappa, Fraction(kappa, 10), lam)


def smooth(kappa: int, lam: int = 10**40) -> Instance:
    """As ``steep``, but with nu_g <= 1 too: the class of Assumptions 3.1 and 3.2 with every constant bounded.

    g_yy crosses [mu, 6 mu] over a length of order sqrt(mu), the shortest that |g_yyyy| <= 1 permits. kappa: 3 times a
    square, so that the instance is rational.
    """
    return _kappa_family(kappa, Fraction(_root_third(kappa), 4), lam)


def _root_third(kappa: int) -> int:
    root = round((kappa / 3) ** 0.5)
    if 3 * root * root != kappa:
        raise InputError("kappa", kappa, "use 3 times a square")
    return root


def _kappa_family(kappa: int, omega: Fraction, lam: int) -> Instance:
    """m = 2 mu, a omega^2 = 4 mu: m + a omega^2 W'' in [mu, 6 mu]; omega sets rho_g = 4 mu omega the third derivative
    of W.

    delta = -reach/lam is such that g_yy delta = -f_y/lambda asks for a coefficient of f near 3.
    """
    mu, shift = Fraction(1, kappa), Fraction(3, 5)
    curvature = 2 * mu + 4 * mu * well(shift, 2)
    reach = Fraction(rational(float(Fraction(97, 100) / curvature), 6))
    return {
        "lam": str(lam),
        "delta": [str(-reach / lam)],
        "Q": [["0", "-1"], ["-1", str(2 * mu)]],
        "g": [[str(4 * mu / omega**2), ["0", str(omega)], str(shift)]],
        "f": [[None, ["0", "1"], "4/7"]],
    }
