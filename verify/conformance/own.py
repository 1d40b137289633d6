"""The registered solvers with configurations that suit the kit's instance, and what each of them claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bounds.stencil import stencil
from solvers.pieces import truncation
from solvers.registry import SOLVERS
from solvers.update_lower import UpdateLower
from synthetic.arrays import norm
from verify.conformance.subject import Subject

NU, ETA_X, ETA_Y = 0.1, 0.05, 0.4
GEOMETRIC = {"small_parameter": "Q", "bias_order": "geometric"}
UNBIASED = {"bias_order": "unbiased"}
RANDOM_SERIES = GEOMETRIC | {"strata": lambda solver, step: (truncation(0, step, solver.Q), solver.Q)}


def _penalty(p: int, T: int = 80) -> Subject:
    solver = SOLVERS["f2sa_p"].load()(p, NU, ETA_X, ETA_Y, S=2, K=10, T=T, normalise=p != 2)
    ids = [j for j, _ in solver.nodes]
    claims = {"small_parameter": "nu", "bias_order": p, "batch": "S", "nodes": stencil(p).active[0]}
    return Subject(f"f2sa_p (p = {p})", solver, claims | {"iterates": _nodes(ids, NU)})


def _nodes(ids: list[int], nu: float) -> Callable[[Any], dict[float, Any]]:
    return lambda state: {j * nu: state.y[:, i, :] for i, j in enumerate(ids)}


def _two(nu_y: float, nu_z: float) -> Callable[[Any], dict[float, Any]]:
    return lambda state: {nu_y: state.y, nu_z: state.z}


def _f2ba(T: int = 60) -> Any:
    return SOLVERS["f2ba"].load()(1 / NU, 0.1, ETA_Y * NU, ETA_Y, 20, 12, T)


def _slower(base: Any, nu: float) -> Any:
    """lambda = 1/nu with the step in y that it asks for."""
    return replace(base, lam=1 / nu, tau=ETA_Y * nu)


def _special() -> dict[str, Callable[[], list[Subject]]]:
    load = {name: entry.load for name, entry in SOLVERS.items()}
    penalty: dict[str, Any] = {"small_parameter": "1/lambda", "small_value": NU, "bias_order": 1, "nodes": (0, 1)}
    both = {"iterates": _two(NU, 0.0)}

    def f2sa() -> list[Subject]:
        make = load["f2sa"]().double_loop
        claims = penalty | both | {"with_small": lambda nu: make(nu, 0.1, ETA_Y, 2, 10, 80), "batch": "S"}
        return [Subject("f2sa", make(NU, 0.1, ETA_Y, 2, 10, 80), claims)]

    def f2ba() -> list[Subject]:
        ramp = {"exponent": 2.0, "for_eps": _for_eps, "exact_oracle": True}
        return [Subject("f2ba", _f2ba(), penalty | both | ramp | {"with_small": lambda nu: _slower(_f2ba(), nu)})]

    def perturbed() -> list[Subject]:
        make = load["perturbed_f2ba"]()
        small = {"with_small": lambda nu: make(_slower(_f2ba(), nu), 1e-9, 1e-12, 5)}
        return [Subject("perturbed_f2ba", make(_f2ba(), 1e-9, 1e-12, 5), penalty | both | small)]

    def distributed() -> list[Subject]:
        make = load["distributed_f2ba"]()
        claims = {"with_small": lambda nu: make(_slower(_f2ba(), nu)), "calls": lambda s: s.calls(3), "hold": _rows}
        return [Subject("distributed_f2ba", make(_f2ba()), {**penalty, **claims, "nodes": None})]

    def f2sa_2() -> list[Subject]:
        solver = load["f2sa_2"]()(NU, ETA_X, ETA_Y, 2, 10, 80)
        claims: dict[str, Any] = {"small_parameter": "nu", "bias_order": 2, "nodes": (-1, 1), "batch": "S"}
        claims["calls"] = lambda s: 2 * (s.S + s.K) * s.T
        return [Subject("f2sa_2", solver, claims | {"iterates": _two(NU, -NU)})]

    return {
        "f2sa_p": lambda: [_penalty(p) for p in (1, 2, 3, 4)],
        "f2sa": f2sa,
        "f2ba": f2ba,
        "perturbed_f2ba": perturbed,
        "distributed_f2ba": distributed,
        "f2sa_2": f2sa_2,
    }


def _for_eps(eps: float, problem: Any) -> Any:
    """F2BA for the ramp: there c grows like 1/eps, so nu = eps^2/8 keeps the bias below eps/8."""
    nu = eps**2 / 8
    return SOLVERS["f2ba"].load()(1 / nu, 0.2, ETA_Y * nu, ETA_Y, 12, 12, int(20 / eps**2))


def _rows(state: Any, x: Any) -> Any:
    """The state of agents with every row at x."""
    return replace(state, X=state.X * 0.0 + x[..., None, :])


APART = {"c_alpha": 0.1, "c_beta": 8.0, "c_lambda": 8.0}
"""Of a momentum method in one loop: y and v eight times as fast as x, or the three are unstable on some instances."""
PLAIN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "fdehbo": (
        {"T": 250, "delta": 0.01} | APART,
        UNBIASED | {"momentum": "storm", "batch": "S"},
    ),
    "fmbo": ({"T": 250} | APART, UNBIASED | {"momentum": "storm", "batch": "S"}),
    "bo_rep": (
        {"T": 200, "eta": 0.02, "nu": 0.3, "beta": 0.7, "lower": UpdateLower(1, 2, ETA_Y, 1.0)},
        UNBIASED | {"momentum": "average"},
    ),
    "bsa": ({"T": 60, "L": 3.0, "alpha": ETA_Y, "D": 0.05, "Q": 5, "warm": True}, RANDOM_SERIES),
    "stocbio": ({"T": 60, "alpha": ETA_Y, "eta": 0.4, "Q": 4}, GEOMETRIC | {"batch": "D_f"}),
    "aid": ({"T": 60, "eta_y": ETA_Y}, UNBIASED | {"batch": "S"}),
    "itd": (
        {"T": 60, "eta_y": ETA_Y, "D": 4, "warm": True},
        {"small_parameter": "D", "bias_order": "geometric", "batch": "S"},
    ),
    "mrbo": ({"T": 60, "eta": 0.4, "Q": 2, "c_x": 25.0, "c_y": 25.0}, GEOMETRIC | {"momentum": "storm", "batch": "S"}),
    "vrbo": (
        {"T": 60, "eta": 0.4, "Q": 6, "beta": 0.3, "period": 5, "alpha": 0.05},
        {"momentum": "spider", "iterates": lambda state: {}},
    ),
    "sustain": ({"T": 700, "L": 3.0, "Q": 5, "c_f": 300.0}, {"momentum": "storm"}),
    "ttsa": ({"T": 60, "L": 3.0, "Q": 5, "beta": ETA_Y, "b": 0.1, "a": 0.2}, RANDOM_SERIES),
    "soba": ({"T": 80, "rho": 0.3}, UNBIASED),
    "ma_soba": ({"T": 80, "rho": 0.3}, UNBIASED | {"momentum": "average", "share": "theta"}),
    "saba": ({"T": 400, "rho": 0.1}, UNBIASED),
    "amigo": ({"T": 60, "alpha": 0.3, "eta": 0.3}, UNBIASED | {"batch": "S_f"}),
    "fsla": ({"T": 80, "gamma": 0.3, "tau": 0.3}, UNBIASED | {"momentum": "storm", "share": "eta"}),
    "bome": ({"T": 200, "alpha": 0.4}, {}),
    "f3sa": (
        {"T": 120, "alpha": ETA_Y * NU, "gamma": ETA_Y, "lam": 1 / NU},
        {
            "momentum": "storm",
            "share": "eta_low",
            "nodes": (0, 1),
            "small_parameter": "1/lambda",
            "small_value": NU,
            "bias_order": 1,
            "iterates": _two(NU, 0.0),
        },
    ),
    "pzobo": ({"T": 60, "alpha": ETA_Y, "N": 4, "Q": 64}, {"small_parameter": "N", "bias_order": "geometric"}),
}
"""name -> (configuration, claims) of those that need no more than that."""


SHARES: dict[str, Callable[[Any], dict[str, Callable[[int], float]]]] = {
    "fdehbo": lambda s: _squares(s.alpha, {"x": s.c_f, "y": s.c_g}),
    "fmbo": lambda s: _squares(s.alpha, {"x": s.c_f, "y": s.c_g}),
    "mrbo": lambda s: _squares(lambda t: s.rate(t - 1), {"x": s.c_x, "y": s.c_y}),
    "sustain": lambda s: _squares(s.alpha, {"x": s.c_f, "y": s.c_g}),
    "bo_rep": lambda s: {"x": lambda step: 1 - s.beta},
}
"""name -> the shares of the new sample in the momenta of x and y, as their papers print them."""


def _squares(rate: Callable[[int], float], factors: dict[str, float]) -> dict[str, Callable[[int], float]]:
    """min(1, c rate_t^2)."""
    return {which: lambda t, c=c: min(1.0, c * rate(t) ** 2) for which, c in factors.items()}  # type: ignore[misc]


READS = {
    "fdehbo": "h_f", "fmbo": "h_f", "bo_rep": "m", "aid": "Phi", "amigo": "Phi", "soba": "h", "ma_soba": "h",
}  # fmt: skip
"""name -> the field of the state whose length an unbiased method takes for ||grad phi(x)||."""


def _ramp(name: str) -> Callable[[float, Any], Any]:
    """AID and ITD for the ramp, where c grows like 1/eps: a lower level that is solved to 1e-3 and better."""
    cls = SOLVERS[name].load()
    more = {"D": 3, "N": 2} if name == "aid" else {"D": 4, "warm": True}
    return lambda eps, problem: cls(int(20 / eps**2), eta_x=0.2, eta_y=0.9, **more)


def own(name: str) -> list[Subject]:
    """The subjects of a registered solver."""
    special = _special()
    if name in special:
        return special[name]()
    configuration, claims = PLAIN[name]
    solver = SOLVERS[name].load()(**configuration)
    if name == "f3sa":
        claims = claims | {"with_small": lambda nu: replace(solver, alpha=ETA_Y * nu, lam=1 / nu)}
    if name in ("aid", "itd"):
        claims = claims | {"exponent": 2.0, "for_eps": _ramp(name), "exact_oracle": True}
    if name in READS:
        claims = claims | {"accuracy": lambda problem, state: norm(getattr(state, READS[name]))}
    if name in SHARES:
        claims = claims | {"share": SHARES[name](solver)}
    return [Subject(name, solver, claims), *_variants(name, solver)]


def _variants(name: str, solver: Any) -> list[Subject]:
    """Another configuration where the usual one hides the estimate behind the step in x."""
    if name == "sustain":  # a momentum over hundreds of steps: without it the estimate is one sample
        plain = replace(solver, c_f=1e6, c_g=100.0)
        return [Subject("sustain (eta^f = 1)", plain, RANDOM_SERIES, only=("bias", "lower level"))]
    return []
