"""Parameters of F2SA-p with every constant named: what Theorem 3.1 of paper 000 prescribes, and a complete version.

A :class:`Schedule` is what a run needs: nu, eta_x, eta_y, S, K, T and the stencil. Two builders here:

- ``theorem_schedule(...)``: Eq. (5) of paper 000 literally, each "asymp" with a multiplier (1 unless given);
- ``theorem_schedule(..., complete=True)``: the same proof carried through with its constants, so that Eq. (15),
  E||Phi_t - grad phi(x_t)|| <= eps/32, follows once the two O(.) constants of the class are supplied;

and ``bounds.lq_schedule`` has the third, with exact bias and variance for the linear-quadratic family.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, exp, isfinite, log

from bounds.stencil import Stencil, positive_order
from bounds.stencil import stencil as build_stencil
from synthetic.errors import InputError
from synthetic.hyper import positive
from synthetic.problem import Constants

PARAMETERS = ("nu", "eta_x", "eta_y", "S", "K", "T")


@dataclass(frozen=True)
class Schedule:
    """One configuration of F2SA-p. S, K, T are Python integers of any size (K reaches 1e22); ``notes`` says what was
    capped, rounded or assumed. SFO calls: one per node, sample and step; S + K of them per node and outer step.
    """

    p: int
    eps: float
    nu: float
    eta_x: float
    eta_y: float
    S: int
    K: int
    T: int
    stencil: Stencil
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("eps", "nu", "eta_x", "eta_y"):
            object.__setattr__(self, name, positive(name, getattr(self, name)))
        for name in ("S", "K", "T"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(name, value, "pass a Python int >= 1")
        object.__setattr__(self, "p", positive_order(self.p))
        if self.stencil.order != self.p:
            raise InputError("stencil", self.stencil, f"pass a stencil of order p = {self.p}")

    def nodes(self, count_zero_node: bool = False) -> int:
        """Lower-level problems per outer step: non-zero weights only, or all that the algorithm prints."""
        return len(self.stencil.nodes if count_zero_node else self.stencil.active[0])

    def per_outer(self, count_zero_node: bool = False) -> int:
        """SFO calls of one outer step: nodes (S + K)."""
        return self.nodes(count_zero_node) * (self.S + self.K)

    def calls(self, count_zero_node: bool = False) -> int:
        """SFO calls of all T outer steps: nodes (S + K) T, exactly."""
        return self.per_outer(count_zero_node) * self.T


def count(name: str, value: float) -> int:
    """max(1, ceil(value)) as a Python int; InputError when ``value`` is beyond every double."""
    if not isfinite(value):
        raise InputError(name, value, "the schedule needs more than 1e308; take a larger eps or milder constants")
    return max(1, ceil(value))


@contextmanager
def within_doubles(eps: float) -> Iterator[None]:
    """Arithmetic whose failure means that the schedule has left the range of doubles: say so in one line."""
    try:
        yield
    except (OverflowError, ZeroDivisionError):
        raise InputError("eps", eps, "the schedule leaves the range of doubles; take a larger eps") from None


def checked_multipliers(given: Mapping[str, float] | None) -> dict[str, float]:
    """A multiplier for each of nu, eta_x, eta_y, S, K, T; 1 where none is given."""
    given = {} if given is None else given
    if not isinstance(given, Mapping) or not set(given) <= set(PARAMETERS):
        raise InputError("multipliers", given, f"pass a mapping with keys among {', '.join(PARAMETERS)}")
    return {name: positive(f"multipliers[{name!r}]", given.get(name, 1.0)) for name in PARAMETERS}


def checked_stencil(p: int, chosen: Stencil | str | None) -> Stencil:
    """The stencil of order p: the paper's by default, a family by its name, or the given one."""
    p = positive_order(p)
    if isinstance(chosen, Stencil):
        if chosen.order != p:
            raise InputError("stencil", chosen, f"pass a stencil of order p = {p}")
        return chosen
    return build_stencil(p, "paper" if chosen is None else chosen)


@dataclass(frozen=True)
class ClassConstants:
    """The numbers of Definition 2.2 and Assumptions 2.1-2.4 that the theorem uses."""

    L: tuple[float, ...]
    mu: float
    sigma: float
    Delta: float
    R: float

    @property
    def L_bar(self) -> float:
        """max_{0 <= j <= p} L_j: L_{p+1} is not in it, as Definition 2.2 prints it."""
        return max(self.L[:-1])

    @property
    def kappa(self) -> float:
        return self.L_bar / self.mu


def _class_constants(
    p: int,
    L: Sequence[float] | Constants,
    mu: float | None,
    sigma: float,
    Delta: float,
    R: float,
) -> ClassConstants:
    if isinstance(L, Constants):
        if L.p != p:
            raise InputError("L", L, f"pass the constants of the class of order p = {p}")
        mu = L.mu.value if mu is None else mu
        L = [c.value for c in L.L]
    try:
        values = tuple(positive(f"L[{q}]", value) for q, value in enumerate(L))
    except TypeError as error:
        raise InputError("L", L, "pass the sequence L_0, ..., L_{p+1} or a Constants") from error
    if len(values) != p + 2:
        raise InputError("L", L, f"pass the p + 2 = {p + 2} numbers L_0, ..., L_{{p+1}}")
    if mu is None:
        raise InputError("mu", mu, "pass mu > 0 (only a Constants carries it)")
    mu = positive("mu", mu)
    if mu > values[1]:
        raise InputError("mu", mu, f"Definition 2.2 has mu <= L_1 = {values[1]}")
    named = {"sigma": sigma, "Delta": Delta, "R": R}
    return ClassConstants(values, mu, **{name: positive(name, value) for name, value in named.items()})


def theorem_schedule(
    p: int,
    eps: float,
    *,
    L: Sequence[float] | Constants,
    mu: float | None = None,
    sigma: float,
    Delta: float,
    R: float,
    stencil: Stencil | str | None = None,
    multipliers: Mapping[str, float] | None = None,
    complete: bool = False,
    hyper_smoothness: float | None = None,
    jet_lipschitz: float | None = None,
) -> Schedule:
    """The schedule of Theorem 3.1 (paper 000, Eq. (5)); ``complete`` for the one whose guarantee can be followed.

    Literally (``complete=False``), with c_. the multipliers, L_bar and kappa as in Definition 2.2:

        nu = c_nu min{R/kappa, (eps/(L_bar kappa^{2p+1}))^{1/p}},    eta_x = c eps/(L_1 kappa^3),
        eta_y = c nu^2 eps^2/(L_1 kappa sigma^2),                    S = c sigma^2/(nu^2 eps^2),
        K = c kappa^2 sigma^2/(nu^2 eps^2) log(R L_1 kappa/(nu eps)),  T = c Delta/(eta_x eps).

    With ``complete`` see :func:`_complete`; ``hyper_smoothness`` (L_phi) and ``jet_lipschitz`` (the Lipschitz
    constant of d^{p+1} ell_nu / d nu^p dx) replace the bounds L_bar kappa^3 and L_bar kappa^{2p+1} whose constants
    the paper does not give; with true values of both the guarantee E||grad phi|| <= eps is a theorem.

    L: L_0 .. L_{p+1}, or a Constants (then mu may be left out). R = ||y_0 - y*(x_0)||. All must be positive.
    """
    chosen = checked_stencil(p, stencil)
    p = chosen.order
    eps = positive("eps", eps)
    c = _class_constants(p, L, mu, sigma, Delta, R)
    factors = checked_multipliers(multipliers)
    if complete:
        L_phi = c.L_bar * c.kappa**3
        if hyper_smoothness is not None:
            L_phi = positive("hyper_smoothness", hyper_smoothness)
        log_C = log(positive("jet_lipschitz", jet_lipschitz)) if jet_lipschitz is not None else _log_jet(p, c)
        with within_doubles(eps):
            return _complete(eps, c, chosen, factors, L_phi, log_C)
    if hyper_smoothness is not None or jet_lipschitz is not None:
        raise InputError("complete", complete, "Eq. (5) has no place for hyper_smoothness or jet_lipschitz")
    with within_doubles(eps):
        return _literal(eps, c, chosen, factors)


def _log_jet(p: int, c: ClassConstants) -> float:
    """log(L_bar kappa^{2p+1}), Lemma 3.1 with its constant taken as 1; kappa^{2p+1} itself may overflow."""
    return log(c.L_bar) + (2 * p + 1) * log(c.kappa)


def _literal(eps: float, c: ClassConstants, chosen: Stencil, factors: Mapping[str, float]) -> Schedule:
    p, L_1, kappa = chosen.order, c.L[1], c.kappa
    nu = factors["nu"] * min(c.R / kappa, exp((log(eps) - _log_jet(p, c)) / p))
    eta_x = factors["eta_x"] * eps / (L_1 * kappa**3)
    eta_y = factors["eta_y"] * (nu * eps / c.sigma) ** 2 / (L_1 * kappa)
    samples = (c.sigma / (nu * eps)) ** 2
    logarithm = log(c.R * L_1 * kappa / (nu * eps))
    if logarithm <= 0:
        raise InputError("eps", eps, "the log of Eq. (5) is not positive here; take a smaller eps or complete=True")
    return Schedule(
        p, eps, nu, eta_x, eta_y,
        S=count("S", factors["S"] * samples),
        K=count("K", factors["K"] * kappa**2 * samples * logarithm),
        T=count("T", factors["T"] * c.Delta / (eta_x * eps)),
        stencil=chosen,
        notes=("Eq. (5) of paper 000 as printed; its O(.) constants taken as the multipliers",),
    )  # fmt: skip


def _complete(
    eps: float, c: ClassConstants, s: Stencil, factors: Mapping[str, float], L_phi: float, log_C: float
) -> Schedule:
    """The proof of Theorem 3.1 with its constants: eps/32 of Eq. (15) shared equally, tau = eps/96 each.

    - bias: c_p C nu^p <= tau with the stencil's sharp c_p and C the Lipschitz constant of Lemma 3.1;
    - region: max_j |j| nu <= 1/(2 kappa) (the paper bounds nu only, but Lemma 3.1 is used at every j nu);
      there mu/2 <= grad^2_yy g_{j nu} <= (1 + 1/(2 kappa)) L_1;
    - batch: S = (sigma (sum|j alpha_j| + sum|alpha_j|/nu)/tau)^2, valid for samples shared across the nodes as the
      algorithm prints them (for independent ones sigma^2 sum alpha_j^2 (j^2 + 1/nu^2)/tau^2, smaller, is enough);
    - inner error: delta = tau/(L_1 (sum|j alpha_j| + sum|alpha_j|/nu)) for sqrt(E||y^j - y*_{j nu}||^2), in place
      of the O(nu eps/L_1) of Eq. (16);
    - eta_y = min{1/L', delta^2 mu/(4 s^2)}, L' = (1 + max|j| nu) L_1 and s^2 = sigma^2 (1 + max|j| nu)^2: Lemma
      E.2 with strong convexity mu/2 then leaves at most delta^2/2 of noise;
    - K = (2/(mu eta_y)) log(2 D^2/delta^2), D = max{R + 2 L_0 max|j| nu/mu, delta + 4 kappa eta_x}: the first
      start (||d y*_nu/d nu|| <= 2 L_0/mu, which replaces nu <= R/kappa) and, by Lemma E.4, every warm start;
      2 D^2/delta^2 >= 2, so the logarithm is positive;
    - eta_x = eps/(6 L_phi), T = 6 Delta/(eps eta_x): Lemma E.1 gives eps/2 + eps/4 + 8 eps/32 = eps.
    """
    p, reach, L_1 = s.order, float(s.max_node), c.L[1]
    tau = eps / 96
    notes = [f"bias, batch noise and inner error at most eps/96 each; L_phi = {L_phi:.6g}"]
    from_bias = exp((log(tau) - log(s.error_constant) - log_C) / p)
    from_region = 1 / (2 * c.kappa * reach)
    if from_region < from_bias:
        notes.append(f"nu bound by max|j| nu <= 1/(2 kappa), not by the bias ({from_bias:.6g})")
    nu = factors["nu"] * min(from_bias, from_region)
    spread = float(s.sum_abs_j) + float(s.sum_abs) / nu
    delta = tau / (L_1 * spread)
    widened = 1 + reach * nu
    eta_x = factors["eta_x"] * eps / (6 * L_phi)
    eta_y = factors["eta_y"] * min(1 / (widened * L_1), (delta / (c.sigma * widened)) ** 2 * c.mu / 4)
    start = max(c.R + 2 * c.L[0] * reach * nu / c.mu, delta + 4 * c.kappa * eta_x)
    logarithm = log(2) + 2 * log(start / delta)
    if any(value != 1 for value in factors.values()):
        notes.append("multipliers other than 1: the guarantee is the caller's")
    return Schedule(
        p, eps, nu, eta_x, eta_y,
        S=count("S", factors["S"] * (c.sigma * spread / tau) ** 2),
        K=count("K", factors["K"] * 2 / (c.mu * eta_y) * logarithm),
        T=count("T", factors["T"] * 6 * c.Delta / (eps * eta_x)),
        stencil=s,
        notes=tuple(notes),
    )  # fmt: skip


def outer_steps_on_ramp(eps: float, Delta: float, eta_x: float) -> float:
    """Delta/(2 eps eta_x): the path of the ramp (from gradient norm 2 eps to eps) in normalised steps of eta_x."""
    return positive("Delta", Delta) / (2 * positive("eps", eps) * positive("eta_x", eta_x))
