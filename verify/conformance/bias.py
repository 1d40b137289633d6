"""Is the estimate unbiased, or biased to the declared order, with the bias that the quadratic is known to give?"""

from __future__ import annotations

from typing import Any

import numpy as np

from synthetic.noise import Gaussian, exact_gradients
from synthetic.philox import Stream
from verify.conformance.held import TOO_SLOW, UNEVEN, Settled, settle, snapshot
from verify.conformance.subject import Finding, Instance, Subject, Verdict

ROUND = 1e-7
"""A bias below ROUND (1 + ||grad phi||) counts as none: lower levels are solved iteratively."""
Z = 5.0
"""Standard errors that a random estimate may lie away."""


def errors_at(subject: Subject, on: Instance, seed: int, **options: Any) -> tuple[float, Settled, float]:
    """(||estimate - grad phi||, the held run, scale 1 + ||grad phi||)."""
    x = on.start(seed, 1)
    found = settle(subject, on, x, **options)
    exact = on.problem.hypergrad(x)
    return float(np.linalg.norm(found.Phi - exact)), found, 1 + float(np.linalg.norm(exact))


def check_bias(subject: Subject, on: Instance, seed: int) -> Finding:
    """Order of the bias in the small parameter, or no bias."""
    order, small = subject.get("bias_order"), subject.get("small_parameter")
    if order not in (None, "unbiased") and small is None and subject.get("with_small") is None:
        return Finding("bias", "undecided", "bias_order is declared without small_parameter: name the field")
    if order == "geometric":
        return _geometric(subject, on, seed)
    if order in (None, "unbiased"):
        return _unbiased(subject, on, seed, declared=order is not None)
    return _order(subject, on, seed, float(order))


def _unbiased(subject: Subject, on: Instance, seed: int, *, declared: bool) -> Finding:
    error, found, scale = errors_at(subject, on, seed)
    if not found.usable:
        return Finding("bias", "not applicable" if "not a step" in found.status else "undecided", found.status)
    facts = {"||estimate - grad phi||": error, "standard error": found.error, "scale": scale, "steps": found.steps}
    allowed = ROUND * scale + Z * found.error * np.sqrt(found.Phi.size)
    if error <= allowed and allowed < 0.25 * scale:
        return Finding("bias", "conforms", f"no bias: {error:.1e} at scale {scale:.2g} (allowed {allowed:.1e})", facts)
    if error <= allowed:
        return Finding("bias", "undecided", f"{error:.2g} lies within an error of {allowed:.2g}: too noisy", facts)
    if declared:
        return Finding("bias", "violates", f"declared unbiased; the bias is {error:.3g} at scale {scale:.2g}", facts)
    ask = "declare small_parameter and bias_order"
    return Finding("bias", "undecided", f"the bias is {error:.3g} at scale {scale:.2g}: {ask}", facts)


def _series(
    subject: Subject, on: Instance, seed: int, values: list[float]
) -> tuple[list[float], list[Settled], float, str]:
    errors: list[float] = []
    runs: list[Settled] = []
    scale = 1.0
    for value in values:
        error, found, scale = errors_at(subject.with_small(value), on, seed)
        if not found.usable:
            return errors, runs, scale, f"at {subject.get('small_parameter')} = {value:g}: {found.status}"
        errors.append(error)
        runs.append(found)
    return errors, runs, scale, ""


def _order(subject: Subject, on: Instance, seed: int, order: float) -> Finding:
    values = [subject.small() / 2**i for i in range(4)]
    errors, runs, scale, problem = _series(subject, on, seed, values)
    facts = {"values": values[: len(errors)], "bias": errors, "declared order": order}
    if problem:
        return Finding("bias", "undecided", problem, facts)
    name = subject.get("small_parameter")
    if any(r.status == "random" for r in runs):
        return Finding("bias", "undecided", "the estimate stays random without noise: no order can be fitted", facts)
    spread = max(float(np.max(np.abs(r.Phi - runs[0].Phi))) for r in runs)
    if spread <= 1e-10 * scale:
        return Finding("bias", "violates", f"the estimate does not depend on {name} ({spread:.1e})", facts)
    # a difference quotient amplifies round-off by 1/small
    floor = 1e-10 * scale / min(values) + 2 * max(r.error for r in runs)
    kept = [(v, e) for v, e in zip(values, errors, strict=True) if e > 10 * floor]
    if len(kept) < 2:
        return Finding("bias", "undecided", f"bias below round-off: start from a larger {name}", facts)
    slopes = np.diff(np.log([e for _, e in kept])) / np.diff(np.log([v for v, _ in kept]))
    slope = float(slopes[-1])
    # local slopes approach the order like O(small): their last change, twice, is the half width
    half = 2 * abs(slope - float(slopes[-2])) if len(slopes) > 1 else 0.3
    facts |= {"local slopes": slopes.tolist(), "slope": slope, "interval": [slope - half, slope + half]}
    words = f"slope {slope:.3f}, interval [{slope - half:.3f}, {slope + half:.3f}], declared {order:g}"
    if abs(slope - order) <= half + 0.05 and half < 0.5:
        return Finding("bias", "conforms", words, facts)
    if abs(slope - order) > half + 0.25:
        return Finding("bias", "violates", words, facts)
    return Finding("bias", "undecided", words + ": start from a smaller value", facts)


def _geometric(subject: Subject, on: Instance, seed: int) -> Finding:
    name, base = subject.get("small_parameter"), int(subject.small())
    values: list[float] = [base, 2 * base, 4 * base]
    error, found, scale = errors_at(subject.with_small(2 * base), on, seed)
    if found.status in (TOO_SLOW, UNEVEN):
        verdict: Verdict = "undecided" if found.status == TOO_SLOW else "violates"
        return Finding("bias", verdict, found.status)
    if found.status == "random":
        allowed = Z * found.error * np.sqrt(found.Phi.size) + 0.05 * scale
        facts = {"value": 2 * base, "bias": error, "standard error": found.error, "scale": scale}
        words = f"random; bias {error:.3g} at {name} = {2 * base}, allowed {allowed:.2g} at scale {scale:.2g}"
        if error > allowed:
            return Finding("bias", "violates", words, facts)
        if allowed >= 0.4 * scale:
            return Finding("bias", "undecided", words + ": too noisy, more than the kit's steps are needed", facts)
        return Finding("bias", "conforms", words, facts)
    errors, _, scale, problem = _series(subject, on, seed, [int(v) for v in values])
    more = {"values": values[: len(errors)], "bias": errors}
    if problem:
        return Finding("bias", "undecided", problem, more)
    if errors[0] <= ROUND * scale:
        return Finding("bias", "conforms", f"no bias already at {name} = {base}: {errors[0]:.1e}", more)
    if abs(errors[2] - errors[0]) <= 1e-9 * scale:
        return Finding("bias", "violates", f"{errors[2]:.3g}, whatever {name} is", more)
    if errors[2] <= ROUND * scale:
        return Finding("bias", "conforms", f"falls to {errors[2]:.1e} at {name} = {values[2]}", more)
    if not _falls(errors):  # fast modes may die first and leave a slow one: one doubling more shows it
        error, found, scale = errors_at(subject.with_small(8 * base), on, seed)
        if found.usable:
            values, errors = [*values, 8 * base], [*errors, error]
            more = {"values": values, "bias": errors}
    words = f"bias {', '.join(f'{e:.3g}' for e in errors)} at {name} = {', '.join(str(v) for v in values)}"
    good = _falls(errors) or (len(errors) == 4 and errors[3] <= ROUND * scale)
    return Finding("bias", "conforms" if good else "violates", words, more)


def _falls(errors: list[float]) -> bool:
    """Geometric: the last doubling gains 1.5 times as many decades as the one before (a pure rate: 2, a power: 1)."""
    first, second, third = errors[-3:]
    return third < second < first and bool(np.log(third / second) <= 1.5 * np.log(second / first))


def nodes_of(subject: Subject) -> tuple[int, ...] | None:
    """The active nodes that are declared."""
    nodes = subject.get("nodes")
    stencil = subject.get("stencil")
    if stencil is not None and hasattr(stencil, "active"):
        return tuple(int(j) for j in stencil.active[0])
    if nodes is None:
        return None
    return tuple(int(j[0]) if isinstance(j, tuple) else int(j) for j in nodes)


def check_known_answer(subject: Subject, on: Instance, seed: int) -> Finding:
    """Dependence on nu = 1/lambda where it is known in closed form: the estimate minus grad phi, as vectors."""
    check, nodes = "known quadratic", nodes_of(subject)
    if nodes is None:
        return Finding(check, "not applicable", "no nodes are declared, e.g. nodes = (0, 1) for f and f + lambda g")
    if not hasattr(on.problem, "bias"):
        return Finding(check, "not applicable", "the instance for agents has no closed form")
    if subject.get("small_parameter") is None and subject.get("with_small") is None:
        return Finding(check, "not applicable", "no small_parameter is declared: nu cannot be varied")
    x, worst, rows = on.start(seed, 1), 0.0, []
    for nu in (subject.small(), subject.small() / 2):
        found = settle(subject.with_small(nu), on, x)
        if found.status != "settled":
            return Finding(check, "undecided", f"at {nu:g}: {found.status}")
        known = on.problem.bias(x, nodes, nu)
        bias = found.Phi - on.problem.hypergrad(x)
        size = float(np.linalg.norm(known))
        slack = 1e-9 / nu * (1 + float(np.linalg.norm(found.Phi)))
        away = float(np.linalg.norm(bias - known))
        worst = max(worst, (away - slack) / size)
        rows.append({"nu": nu, "bias": bias[0].tolist(), "known": known[0].tolist()})
    words = f"relative distance to the exact bias {max(worst, 0):.1e}"
    return Finding(check, "conforms" if worst <= 1e-4 else "violates", words, {"rows": rows, "nodes": nodes})


class UpperNoise(Gaussian):
    """Gaussian noise on F_x and G_x alone: the lower level then adds no variance of its own."""

    def gradients(self, problem: Any, *asked: Any) -> dict[Stream, Any]:
        noisy = super().gradients(problem, *asked)
        x, y, _, _, levels, part = asked
        exact = exact_gradients(problem, x, y, levels, part)
        return {s: noisy[s] if s in (Stream.FX, Stream.GX) else exact[s] for s in noisy}


def check_variance(subject: Subject, on: Instance, seed: int) -> Finding:
    """Var Phi proportional to 1/batch under noise of F_x and G_x alone: a chi-square ratio."""
    from scipy.special import fdtri

    check, name = "variance", subject.get("batch")
    if not subject.has_field(name):
        return Finding(check, "not applicable", "no batch is declared (the field that divides the variance)")
    runs, base, factor = 48, getattr(subject.solver, name), 16
    x, spreads = on.start(seed, runs), []
    for size in (base, factor * base):
        Phi = snapshot(subject.vary(**{name: size}), on, x, UpperNoise(0.1, 0.1), first=1000 * seed)
        if Phi is None:
            return Finding(check, "undecided", "no estimate could be read under noise")
        spreads.append(float(np.sum(np.var(Phi, axis=0, ddof=1))))
    if spreads[0] <= 1e-12:
        return Finding(check, "undecided", "the step in x shows no noise of F_x and G_x")
    # coordinates may be correlated: count the degrees of freedom of one
    low, high = (float(fdtri(runs - 1, runs - 1, q)) for q in (1e-5, 1 - 1e-5))
    ratio = spreads[0] / max(spreads[1], 1e-300)
    words = (
        f"variance falls {ratio:.3g} times as {name} grows {factor} times ({factor * low:.2g} to {factor * high:.2g})"
    )
    verdict: Verdict = "conforms" if factor * low <= ratio <= factor * high else "violates"
    return Finding(check, verdict, words, {"variances": spreads, "batch": name, "runs": runs})
