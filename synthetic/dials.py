"""Instances with the condition number as a dial, and noise with the standard deviation as one.

kappa is that of Definition 2.2 of paper 000, max_{j <= p} L_j/mu with the constants of f and g in (x, y) together.
Here every constant is at most 1 on the region, the certified L_1 of g is 1, and mu = 1/kappa is attained, so that
``constants(p).kappa`` is the dial, up to its outward rounding of 2e-9. The linear-quadratic family attains L_1 = 1
as well; the polynomial one attains between 1 - ridge (1 + b^2) and 1, where ridge (0.06 at kappa = 20) bounds its
ridge's curvature.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from synthetic.errors import InputError
from synthetic.hyper import QuadraticHyper, dimension, positive
from synthetic.linear_quadratic import LinearQuadratic
from synthetic.noise import Gaussian, check_scale
from synthetic.polynomial import Polynomial
from synthetic.polynomial_constants import enclose

UPPER = 1 / 16
"""Size of the coefficients of f: small enough that its constants stay below 1 on the region (checked at building)."""


def _spectrum(kappa: float, top: float, d: int) -> np.ndarray:
    """d values from 1/kappa to ``top``, geometric."""
    if kappa * top < 1:
        raise InputError("kappa", kappa, f"this family needs kappa >= {1 / top:.6g}")
    return np.geomspace(1 / kappa, top, d)


def _demand(problem: Any, p: int, kappa: float) -> None:
    """The normalisation of the module docstring, demanded of the enclosed constants."""
    found = enclose(problem, p).kappa
    if not abs(found / kappa - 1) < 1e-8:
        raise InputError(
            "kappa", kappa, f"the enclosed condition number is {found:.6g}: milder coefficients are needed"
        )


def lq_dial(kappa: float = 10.0, d: int = 4, b: float = 0.5) -> LinearQuadratic:
    """Linear-quadratic with condition number exactly ``kappa`` for every p >= 1; d_x = d_y = d >= 2, B = b I.

    The Hessian of g is [-B I]'A_g[-B I], of norm (1 + b^2) max A_g, so A_g = diag(1/kappa .. 1/(1 + b^2)). On this
    family nu needs 1/kappa and K kappa^2, never kappa^(9 + 2/p): g has no third derivative in y.
    """
    kappa, b, d = positive("kappa", kappa), positive("b", b), _at_least_two(d)
    eye = np.eye(d)
    A_g = np.diag(_spectrum(kappa, 1 / (1 + b * b), d))
    phi = QuadraticHyper((UPPER,) * d)
    problem = LinearQuadratic(
        A_g, UPPER * eye, b * eye, np.full(d, UPPER), UPPER * eye, phi, name=f"linear-quadratic, kappa {kappa:g}"
    )
    _demand(problem, 1, kappa)
    return problem


def polynomial_dial(kappa: float = 20.0, d: int = 2, b: float = 0.5, quartic: float = 1 / 256) -> Polynomial:
    """Cubic and quartic terms in both levels, certified condition number ``kappa`` for every p; d_x = d_y = d >= 2.

    In the softest direction g has (1/kappa) s^2 + g3 s^3/6 + g4 s^4/24 with g3^2 = 2 g4/kappa: its curvature is 2/kappa
    at the solution and exactly mu = 1/kappa at s = -g3/g4. The stiffest direction makes up L_1 = 1 with what the bounds
    of the ridge leave.
    """
    kappa, b, d = positive("kappa", kappa), positive("b", b), _at_least_two(d)
    g4 = positive("quartic", quartic)
    g3 = sqrt(2 * g4 / kappa)
    r_x, r_y = 1.0, 2.0
    reach = r_y + b * r_x
    ridge = g3 * reach + g4 * reach**2 / 2  # the bound of the ridge's second derivative on the region
    values = np.append(2 / kappa, _spectrum(kappa / 2, 1 / (1 + b * b) - ridge, d)[1:])
    rows = np.array([[g3, g4, UPPER * g3, UPPER * g4]])
    eye = np.eye(d)
    problem = Polynomial(
        np.diag(values), UPPER * eye, b * eye, np.full(d, UPPER), UPPER * eye, QuadraticHyper((UPPER,) * d),
        W=eye[:1], ridges=rows, region=(r_x, r_y), name=f"polynomial, kappa {kappa:g}",
    )  # fmt: skip
    _demand(problem, 3, kappa)
    return problem


def noise_dial(problem: Any, sigma: float) -> Gaussian:
    """Gaussian noise with E||F - grad f||^2 = E||G - grad g||^2 = sigma^2 exactly (Assumption 2.1 of paper 000)."""
    check_scale("sigma", sigma)
    each = sigma / sqrt(problem.dim_x + problem.dim_y)
    return Gaussian(each, each)


def _at_least_two(d: int) -> int:
    if dimension("d", d) < 2:
        raise InputError("d", d, "pass at least 2: one direction holds mu, another L_1")
    return int(d)
