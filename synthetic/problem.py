"""What every bilevel instance offers, ours and a user's: the ``BilevelProblem`` protocol and its constants.

    min_x phi(x) = f(x, y*(x)),   y*(x) = argmin_y g(x, y),   g mu-strongly convex in y

(paper 000, Eq. (1)). All array arguments carry leading batch dimensions: x has shape (..., dim_x) and y
(..., dim_y); the result has the kind (NumPy or any array-API library), device and dtype of the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from synthetic.arrays import Array

if TYPE_CHECKING:
    from synthetic.exact import ExactForm

How = Literal["exact", "enclosed", "sampled"]
"""exact: a closed formula; enclosed: a proved upper (mu: lower) bound; sampled: a maximum over samples."""


@dataclass(frozen=True)
class Constant:
    """One constant of an instance, and how it was obtained."""

    value: float
    how: How
    note: str = ""


@dataclass(frozen=True)
class Constants:
    """mu, L_0 .. L_{p+1} of Assumptions 2.3-2.5 of paper 000, valid on ``region``.

    ``kappa`` = max_{0<=j<=p} L_j / mu exactly as Definition 2.2 prints it (L_{p+1} not included);
    ``kappa_all`` takes L_{p+1} in as well.
    """

    p: int
    mu: Constant
    L: tuple[Constant, ...]
    region: str

    @property
    def L_bar(self) -> float:
        return max(c.value for c in self.L[: self.p + 1])

    @property
    def kappa(self) -> float:
        return self.L_bar / self.mu.value

    @property
    def kappa_all(self) -> float:
        return max(c.value for c in self.L) / self.mu.value

    def as_dict(self) -> Mapping[str, object]:
        rows = {"mu": self.mu} | {f"L_{q}": c for q, c in enumerate(self.L)}
        return {
            "p": self.p,
            "kappa": self.kappa,
            "region": self.region,
            **{k: {"value": c.value, "how": c.how, "note": c.note} for k, c in rows.items()},
        }


@runtime_checkable
class BilevelProblem(Protocol):
    """The protocol. Shapes: x (..., dim_x), y and v (..., dim_y); scalars come back with shape (...)."""

    name: str
    dim_x: int
    dim_y: int

    def f(self, x: Array, y: Array) -> Array:
        """Upper-level value f(x, y)."""

    def g(self, x: Array, y: Array) -> Array:
        """Lower-level value g(x, y)."""

    def grad_f(self, x: Array, y: Array) -> tuple[Array, Array]:
        """(grad_x f, grad_y f)."""

    def grad_g(self, x: Array, y: Array) -> tuple[Array, Array]:
        """(grad_x g, grad_y g)."""

    def hvp_g(self, x: Array, y: Array, v: Array) -> Array:
        """Hessian-vector product grad^2_yy g(x, y) v, shape (..., dim_y)."""

    def jvp_g(self, x: Array, y: Array, v: Array) -> Array:
        """Jacobian-vector product grad^2_xy g(x, y) v, shape (..., dim_x); v in R^dim_y."""

    def y_star(self, x: Array, nu: Array | float = 0.0) -> Array:
        """y*_nu(x) = argmin_y nu f(x, y) + g(x, y); nu a scalar or an array of the batch shape."""

    def value(self, x: Array) -> Array:
        """phi(x)."""

    def hypergrad(self, x: Array) -> Array:
        """grad phi(x), exact (paper 000, Eq. (2), or a closed form)."""

    def hyperhess(self, x: Array) -> Array:
        """grad^2 phi(x), shape (..., dim_x, dim_x)."""

    def constants(self, p: int) -> Constants:
        """The constants of the p-th order smooth class (paper 000, Definition 2.2)."""

    def exact(self) -> ExactForm | None:
        """The same instance in exact rational arithmetic, or None when it has none (real data)."""
