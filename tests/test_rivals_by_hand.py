"""Every rival against its update written out with matrices, one seed at a time, on a non-quadratic noisy instance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solvers.aid import AID
from solvers.amigo import AmIGO
from solvers.base import run
from solvers.bome import BOME
from solvers.f3sa import F3SA
from solvers.fsla import FSLA
from solvers.itd import ITD
from solvers.mrbo import MRBO, VRBO
from solvers.pieces import truncation
from solvers.pzobo import PZOBO
from solvers.soba import MASOBA, SOBA
from solvers.stocbio import BSA, StocBiO
from solvers.sustain import SUSTAIN
from solvers.ttsa import TTSA
from synthetic.arrays import to_numpy
from synthetic.noise import Gaussian
from synthetic.oracle import StochasticOracle
from synthetic.polynomial import skewed_polynomial

PROBLEM, NOISE = skewed_polynomial(), Gaussian(0.3, 0.3, sigma_h=0.2)
X0, Y0 = np.array([0.5, -0.25]), np.array([0.3, 0.1])
Vector = np.ndarray


class Hand:
    """The oracle of one seed, products as matrices plus the noise that the oracle adds to the product with 0."""

    def __init__(self, seed: int) -> None:
        self.ask = StochasticOracle(PROBLEM, NOISE, seeds=seed)

    def F(self, x: Vector, y: Vector, t: int, k: int, S: int = 1) -> tuple[Vector, Vector]:
        return self.ask.F(x, y, step=t, inner=k, samples=S)

    def Gx(self, x: Vector, y: Vector, t: int, k: int, S: int = 1) -> Vector:
        return self.ask.G(x, y, step=t, inner=k, samples=S)[0]

    def Gy(self, x: Vector, y: Vector, t: int, k: int, S: int = 1) -> Vector:
        return self.ask.G(x, y, step=t, inner=k, samples=S)[1]

    def H(self, x: Vector, y: Vector) -> np.ndarray:
        return np.array([PROBLEM.hvp_g(x, y, e) for e in np.eye(2)]).T

    def Hv(self, x: Vector, y: Vector, v: Vector, t: int, k: int, S: int = 1) -> Vector:
        return self.H(x, y) @ v + self.ask.hvp(x, y, 0 * v, step=t, inner=k, samples=S)

    def Jv(self, x: Vector, y: Vector, v: Vector, t: int, k: int, S: int = 1) -> Vector:
        J = np.array([PROBLEM.jvp_g(x, y, e) for e in np.eye(2)]).T
        return J @ v + self.ask.jvp(x, y, 0 * v, step=t, inner=k, samples=S)

    def series(self, x: Vector, y: Vector, b: Vector, eta: float, batches: tuple[int, ...], t: int, k: int) -> Vector:
        """eta times the sum of b, (I - eta H_1) b, (I - eta H_2)(I - eta H_1) b, ..."""
        terms = [b]
        for i, S in enumerate(batches):
            terms.append(terms[-1] - eta * self.Hv(x, y, terms[-1], t, k + i, S))
        return eta * np.sum(terms, axis=0)

    def term(self, x: Vector, y: Vector, b: Vector, L: float, Q: int, t: int, k: int) -> Vector:
        for i in range(truncation(0, t, Q)):
            b = b - self.Hv(x, y, b, t, k + i) / L
        return Q / L * b


def stocbio(s: StocBiO, o: Hand) -> Vector:
    x, y = X0, Y0
    for t in range(s.T):
        for k in range(s.D):
            y = y - s.alpha * o.Gy(x, y, t, k, s.S)
        Fx, Fy = o.F(x, y, t, s.D, s.D_f)
        v = o.series(x, y, Fy, s.eta, s.batches, t, s.D + 2)
        x = x - s.beta * (Fx - o.Jv(x, y, v, t, s.D + 1, s.D_g))
    return x


def bsa(s: BSA, o: Hand) -> Vector:
    x, y = X0, Y0
    for t in range(s.T):
        D, y = int(np.ceil(s.D * np.sqrt(t + 1))), y if s.warm else Y0
        for k in range(D):
            y = y - min(s.alpha, 2 / (s.mu * (k + 2))) * o.Gy(x, y, t, k)
        Fx, Fy = o.F(x, y, t, D)
        x = x - s.beta * (Fx - o.Jv(x, y, o.term(x, y, Fy, s.L, s.Q, t, D + 2), t, D + 1))
    return x


def aid(s: AID, o: Hand) -> Vector:
    x, y, v = X0, Y0, 0 * Y0
    for t in range(s.T):
        for k in range(s.D):
            y = y - s.eta_y * o.Gy(x, y, t, k, s.S)
        Fx, Fy = o.F(x, y, t, s.D, s.S)
        if not s.warm_v:
            v = 0 * v
        for k in range(s.N):
            v = v - s.eta_v * (o.Hv(x, y, v, t, s.D + 2 + k, s.S) - Fy)
        x = x - s.eta_x * (Fx - o.Jv(x, y, v, t, s.D + 1, s.S))
    return x


def itd(s: ITD, o: Hand) -> Vector:
    """Forward mode: dy^k/dx accumulated as a matrix, the noise of the reverse products added where they occur."""
    x, y = X0, Y0
    for t in range(s.T):
        path = [y if s.warm else Y0]
        for k in range(s.D):
            path.append(path[-1] - s.eta_y * o.Gy(x, path[-1], t, k, s.S))
        y = path[-1]
        Fx, u = o.F(x, y, t, s.D, s.S)
        Phi = Fx
        for k in range(s.D - 1, -1, -1):
            Phi = Phi - s.eta_y * o.Jv(x, path[k], u, t, k, s.S)
            u = u - s.eta_y * o.Hv(x, path[k], u, t, k, s.S)
        x = x - s.eta_x * Phi
    return x


def hyper(s: MRBO | VRBO, o: Hand, x: Vector, y: Vector, S: int, t: int, k: int = 0) -> Vector:
    Fx, Fy = o.F(x, y, t, k + 1, S)
    return Fx - o.Jv(x, y, o.series(x, y, Fy, s.eta, (S,) * s.Q, t, k + 2), t, k + 1, S)


def mrbo(s: MRBO, o: Hand) -> Vector:
    x, y = xo, yo = X0, Y0
    for t in range(s.T):
        rate, before = s.d / (s.m + t) ** (1 / 3), s.d / (s.m + t - 1) ** (1 / 3)
        if t == 0:
            u, v = hyper(s, o, x, y, s.S, t), o.Gy(x, y, t, 0, s.S)
        else:
            a, b = min(1, s.c_y * before**2), min(1, s.c_x * before**2)
            v = o.Gy(x, y, t, 0, s.S) + (1 - a) * (v - o.Gy(xo, yo, t, 0, s.S))
            u = hyper(s, o, x, y, s.S, t) + (1 - b) * (u - hyper(s, o, xo, yo, s.S, t))
        xo, yo = x, y
        x, y = x - s.gamma * rate * u, y - s.lam * rate * v
    return x


def vrbo(s: VRBO, o: Hand) -> Vector:
    x, y = X0, Y0
    for t in range(s.T):
        if t % s.period == 0:
            u, v = hyper(s, o, x, y, s.S_1, t), o.Gy(x, y, t, 0, s.S_1)
        xs, ys = [x, x - s.alpha * u], [y, y]
        for k in range(s.m + 2):
            first = (k + 1) * (s.Q + 2)
            u = u + hyper(s, o, xs[-1], ys[-1], s.S_2, t, first) - hyper(s, o, xs[-2], ys[-2], s.S_2, t, first)
            v = v + o.Gy(xs[-1], ys[-1], t, first, s.S_2) - o.Gy(xs[-2], ys[-2], t, first, s.S_2)
            xs, ys = [*xs, xs[-1]], [*ys, ys[-1] - s.beta * v]
        x, y = xs[1], ys[s.m + 2]
    return x


def sustain(s: SUSTAIN, o: Hand) -> Vector:
    def d(x: Vector, y: Vector, t: int) -> Vector:
        Fx, Fy = o.F(x, y, t, 1)
        return Fx - o.Jv(x, y, o.term(x, y, Fy, s.L, s.Q, t, 2), t, 1)

    x, y = old = X0, Y0
    h_g = h_f = 0 * X0
    for t in range(s.T):
        a = s.c_alpha / (s.w + t) ** (1 / 3)
        g, f = o.Gy(x, y, t, 0), d(x, y, t)
        if t > 0:
            g = g + (1 - min(1, s.c_g * a**2)) * (h_g - o.Gy(*old, t, 0))
            f = f + (1 - min(1, s.c_f * a**2)) * (h_f - d(*old, t))
        h_g, h_f, old = g, f, (x, y)
        x, y = x - a * f, y - s.c_beta * a * g
    return x


def ttsa(s: TTSA, o: Hand) -> Vector:
    x, y = X0, Y0
    for t in range(s.T):
        y = y - s.beta / (1 + t) ** s.b * o.Gy(x, y, t, 0)
        Fx, Fy = o.F(x, y, t, 1)
        x = x - s.alpha / (1 + t) ** s.a * (Fx - o.Jv(x, y, o.term(x, y, Fy, s.L, s.Q, t, 2), t, 1))
    return x


def soba(s: SOBA, o: Hand) -> Vector:
    x, y, v, h = X0, Y0, 0 * Y0, 0 * X0
    for t in range(s.T):
        d = 1 / (1 + t) ** s.power
        (Fx, Fy), Gy = o.F(x, y, t, 0), o.Gy(x, y, t, 0)
        Phi, Hv = Fx - o.Jv(x, y, v, t, 0), o.Hv(x, y, v, t, 0)
        if isinstance(s, MASOBA):
            x, h = x - s.gamma * d * h, h + s.theta * (Phi - h)
        else:
            x = x - s.gamma * d * Phi
        y, v = y - s.rho * d * Gy, v - s.rho * d * (Hv - Fy)
    return x


def amigo(s: AmIGO, o: Hand) -> Vector:
    x, y, z = X0, Y0, 0 * Y0
    for t in range(s.T):
        for k in range(s.D):
            y = y - s.alpha * o.Gy(x, y, t, k, s.S)
        Fx, Fy = o.F(x, y, t, s.D, s.S_f)
        for k in range(s.N):
            z = z - s.eta * (o.Hv(x, y, z, t, s.D + 2 + k, s.S_z) - Fy)
        x = x - s.beta * (Fx - o.Jv(x, y, z, t, s.D + 1, s.S_g))
    return x


def fsla(s: FSLA, o: Hand) -> Vector:
    x, y, v = X0, Y0, 0 * Y0
    x_old = d = 0 * X0
    for t in range(s.T):
        y_old, v_old = y, v
        y = y - s.gamma * o.Gy(x, y, t, 0)
        v = s.tau * o.F(x, y, t, 1)[1] + v - s.tau * o.Hv(x, y, v, t, 1)
        d_new = o.F(x, y, t, 2)[0] - o.Jv(x, y, v, t, 2)
        if t > 0:
            d_old = o.F(x_old, y_old, t, 2)[0] - o.Jv(x_old, y_old, v_old, t, 2)
            d_new = d_new + (1 - s.eta) * (d - d_old)
        d, x_old, x = d_new, x, x - s.alpha * d_new
    return x


def bome(s: BOME, o: Hand) -> Vector:
    x, y = X0, Y0
    for t in range(s.T):
        w = y
        for k in range(s.K):
            w = w - s.alpha * o.Gy(x, w, t, k + 1)
        F = np.concatenate(o.F(x, y, t, 0))
        q = np.concatenate([o.Gx(x, y, t, 0) - o.Gx(x, w, t, s.K + 1), o.Gy(x, y, t, 0)])
        lam = max((s.eta * q @ q - F @ q) / (q @ q), 0)
        x, y = np.split(np.concatenate([x, y]) - s.xi * (F + lam * q), 2)
    return x


def f3sa(s: F3SA, o: Hand) -> Vector:
    x, y, z = xo, yo, zo = X0, Y0, Y0
    h: dict[str, Vector] = {}

    def mix(eta: float, new: Vector, old: Vector, name: str) -> Vector:
        h[name] = new + (1 - eta) * (h[name] - old) if name in h else new
        return h[name]

    for t in range(s.T):
        r = 1 + t / s.t0
        alpha, gamma, lam = s.alpha / r**s.a, s.gamma / r**s.c, s.lam * r ** (s.a - s.c)
        eta = s.eta_low if s.e == 0 else max(s.eta_low, r**-s.e)

        hz = mix(eta, o.Gy(x, z, t, 0), o.Gy(xo, zo, t, 0), "z")
        hfy = mix(eta, o.F(x, y, t, 1)[1], o.F(xo, yo, t, 1)[1], "fy")
        hgy = mix(eta, o.Gy(x, y, t, 1), o.Gy(xo, yo, t, 1), "gy")
        y1, z1 = y - alpha * (hfy + lam * hgy), z - gamma * hz
        hfx = mix(eta, o.F(x, y1, t, 2)[0], o.F(xo, y, t, 2)[0], "fx")
        hxy = mix(eta, o.Gx(x, y1, t, 2), o.Gx(xo, y, t, 2), "gxy")
        hxz = mix(eta, o.Gx(x, z1, t, 3), o.Gx(xo, z, t, 3), "gxz")
        xo, yo, zo = x, y, z
        x, y, z = x - s.xi * alpha * (hfx + lam * (hxy - hxz)), y1, z1
    return x


def pzobo(s: PZOBO, o: Hand) -> Vector:
    x, y = X0, Y0
    for t in range(s.T):
        u = s.directions(o.ask, x, t)
        ends = []
        for shift in [0 * x, *(s.mu * u)]:
            w = y
            for k in range(s.N):
                w = w - s.alpha * o.Gy(x + shift, w, t, k, s.S)
            ends.append(w)
        y = ends[0]
        Fx, Fy = o.F(x, y, t, s.N, s.D_f)
        x = x - s.beta * (Fx + sum(((e - y) / s.mu @ Fy) * d for e, d in zip(ends[1:], u)) / s.Q)
    return x


CASES = [
    (StocBiO(4, D=3, Q=4, S=2, D_f=3, D_g=2, B=2), stocbio),
    (StocBiO(3, D=3, Q=4, mu=2.0), stocbio),
    (BSA(4, D=2.0), bsa),
    (BSA(4, D=2.0, warm=True), bsa),
    (AID(4, D=3, N=3, method="fixed", S=2), aid),
    (AID(4, D=3, N=3, method="fixed", warm_v=False), aid),
    (ITD(4, D=4, S=2), itd),
    (ITD(4, D=4, warm=True), itd),
    (MRBO(5, Q=3, S=2), mrbo),
    (VRBO(5, m=1, period=2, Q=3, S_1=5, S_2=2), vrbo),
    (SUSTAIN(5, Q=4), sustain),
    (TTSA(6, Q=4), ttsa),
    (SOBA(6, power=0.5), soba),
    (MASOBA(6, theta=0.3), soba),
    (AmIGO(4, D=2, N=3, S=2, S_z=2, S_f=3, S_g=2), amigo),
    (FSLA(6), fsla),
    (BOME(5, K=4), bome),
    (F3SA(6), f3sa),
    (F3SA(6, a=0.6, c=0.4, e=0.8, t0=2.0), f3sa),
    (PZOBO(4, N=3, Q=3, S=2, D_f=2), pzobo),
]


@pytest.mark.parametrize(("solver", "by_hand"), CASES, ids=lambda c: type(c).__name__ if hasattr(c, "T") else "")
def test_equals_the_update_by_hand(solver, by_hand) -> None:
    """Two seeds side by side equal the update of each seed alone; calls are those declared, and differ between runs
    with and without a batch axis by nothing.
    """
    seeds = np.array([3, 11])
    oracle = StochasticOracle(PROBLEM, NOISE, seeds=seeds)
    result = run(solver, PROBLEM, oracle, np.stack([X0, X0]), np.stack([Y0, Y0]))
    for row, seed in zip(result.state.x, seeds):
        np.testing.assert_allclose(row, by_hand(solver, Hand(int(seed))), rtol=1e-9, atol=1e-12)
    assert result.counts == solver.cost()
    assert result.counts.sfo == solver.calls
    more = replace(solver, T=solver.T + 1)
    assert more.calls > solver.calls


@pytest.mark.parametrize(("solver", "by_hand"), CASES[::2], ids=lambda c: type(c).__name__ if hasattr(c, "T") else "")
def test_the_hand_written_update_is_sensitive(solver, by_hand) -> None:
    """The comparison would see a different seed: the noise really enters."""
    assert np.linalg.norm(by_hand(solver, Hand(3)) - by_hand(solver, Hand(4))) > 1e-4


@pytest.mark.parametrize("case", range(0, len(CASES), 2))
def test_array_library_is_kept(case: int, asarray) -> None:
    solver, by_hand = CASES[case]
    x0 = asarray(X0)
    result = run(solver, PROBLEM, StochasticOracle(PROBLEM, NOISE, seeds=2), x0, asarray(Y0))
    assert type(result.state.x) is type(x0)
    assert result.state.x.device == x0.device
    np.testing.assert_allclose(to_numpy(result.state.x), by_hand(solver, Hand(2)), rtol=1e-9, atol=1e-12)
