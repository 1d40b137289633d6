r"""The stencil table: exact weights, sharp error constants and what the weights do to noise, for every family.

Everything on the page is computed from :mod:`bounds.stencil` when the page is built; nothing is typed in.
"""

from __future__ import annotations

from fractions import Fraction

from bounds.stencil import Stencil, positive_order, stencil
from reports.context import Context
from reports.figure import Plot
from reports.page import Block, Column, Figure, Formula, Heading, Note, Page, Paragraph, Table
from reports.panel import integer_ticks

# (family in bounds.stencil, name on the page, first order and step between orders, one sentence)
FAMILIES = (
    (
        "central",
        "central",
        2,
        2,
        r"Nodes $-\frac{p}{2}, \dots, \frac{p}{2}$, even $p$: what F2SA-p uses for even orders.",
    ),
    (
        "one_sided",
        "one-sided",
        1,
        1,
        r"Nodes $0, \dots, p$: what F2SA-p uses for odd orders; they exist for every $p$.",
    ),
    (
        "balanced",
        "balanced",
        1,
        2,
        r"Nodes $-\frac{p-1}{2}, \dots, \frac{p+1}{2}$, odd $p$: as many nodes as the one-sided ones, but small.",
    ),
)
COLUMNS = (
    Column("$p$"),
    Column("nodes", align="left"),
    Column(r"weights $\alpha_j$", align="left", wrap=True),
    Column("$c_p$", align="right"),
    Column(r"$\kappa_p$", align="right"),
    Column(r"$\sum_j \alpha_j^2$", ".4g"),
    Column(r"$\sum_j |\alpha_j|$", ".4g"),
    Column(r"$\sum_j |j \alpha_j|$", ".4g"),
)


def page(max_order: int = 10) -> Page:
    """The page with all orders p = 1 .. ``max_order`` of every family."""
    positive_order(max_order, "max_order")
    blocks: list[Block] = [
        Paragraph(
            r"With $\psi(\nu) = \nabla_x \ell_\nu(x)$ the hyper-gradient is $\psi'(0)$, and F2SA-p estimates it by a "
            r"finite difference over the perturbed problems $j\nu$ (paper 000, Lemma C.1 and Eq. (9)-(10)):"
        ),
        Formula(
            r"\frac{1}{\nu} \sum_j \alpha_j \psi(j\nu) = \psi'(0) + O(\nu^p), \qquad"
            r"\left| \frac{1}{\nu} \sum_j \alpha_j \psi(j\nu) - \psi'(0) \right| \le c_p C \nu^p"
        ),
        Paragraph(
            r"The bound holds whenever $\psi^{(p)}$ is $C$-Lipschitz, and $c_p$ is sharp. On all three families "
            r"$c_p = \kappa_p / (p+1)!$, where $\kappa_p$ is the product of the non-zero $|j|$; $\kappa_p$ is also "
            r"the constant of the exact bias on the linear-quadratic instances. Independent noise of variance "
            r"$s^2$ at the nodes becomes variance $(s/\nu)^2 \sum_j \alpha_j^2$, and errors that may all add up are "
            r"multiplied by $\nu^{-1} \sum_j |\alpha_j|$ (from $g$) and $\sum_j |j \alpha_j|$ (from $f$)."
        ),
    ]
    families = {name: _members(key, first, step, max_order) for key, name, first, step, _ in FAMILIES}
    blocks += [Heading("What the weights cost"), *_pictures(families), *_comparison(families)]
    for _, name, _, _, words in FAMILIES:
        if families[name]:
            blocks += [Heading(f"{name.capitalize()} stencils"), Paragraph(words), _table(name, families[name])]
    lead = r"Exact weights of the finite differences behind F2SA-p, how sharp they are and how they amplify noise."
    return Page("stencils", "Stencils", lead, tuple(blocks))


def _members(key: str, first: int, step: int, max_order: int) -> list[Stencil]:
    return [stencil(p, key) for p in range(first, max_order + 1, step)]


def _table(name: str, members: list[Stencil]) -> Table:
    rows = [
        (
            s.order,
            f"{_signed(s.nodes[0])},\N{NO-BREAK SPACE}…,\N{NO-BREAK SPACE}{_signed(s.nodes[-1])}",
            weights_text(s),
            s.error_constant,
            s.kappa,
            s.sum_sq,
            s.sum_abs,
            s.sum_abs_j,
        )
        for s in members
    ]
    caption = f"The {name} family, exact; the sums are rounded here and exact in the data file."
    return Table(COLUMNS, rows, caption=caption, id=f"stencils-{name}")


def weights_text(s: Stencil) -> str:
    """All weights in the order of the nodes, as fractions."""
    return ", ".join(_signed(weight) for weight in s.weights)


def _signed(value: int | Fraction) -> str:
    return str(value).replace("-", "−")


def _pictures(families: dict[str, list[Stencil]]) -> list[Block]:
    noise = Plot(
        "stencils-noise",
        alt="The sum of the squared weights against the order p on a logarithmic axis: it grows exponentially for "
        "the one-sided family and stays between one half and two for the central and balanced ones.",
        scale="semilogy",
        legend="direct",
        size=(4.8, 3.2),
    )
    sharp = Plot(
        "stencils-constant",
        alt="The sharp error constant c_p against the order p on a logarithmic axis: it falls slowly, as 1/(p + 1), "
        "for the one-sided family and exponentially for the central and balanced ones.",
        scale="semilogy",
        legend="direct",
        size=(4.8, 3.2),
    )
    for style, (name, members) in enumerate(families.items()):
        orders = [s.order for s in members]
        noise[0].series(name, orders, [float(s.sum_sq) for s in members], style=style)
        sharp[0].series(name, orders, [float(s.error_constant) for s in members], style=style)
    noise[0].labels("order p", "amplification of noise Σ αⱼ²")
    sharp[0].labels("order p", "error constant $c_p$")
    for panel in (noise[0], sharp[0]):
        integer_ticks(panel)
    return [
        Figure(noise.spec(), caption=r"Amplification of noise, $\sum_j \alpha_j^2$, against the order."),
        Figure(sharp.spec(), caption=r"The sharp constant $c_p$ of the error, against the order."),
    ]


def _comparison(families: dict[str, list[Stencil]]) -> list[Block]:
    """One-sided against balanced nodes at the largest common odd order, in words made from the numbers."""
    one_sided = {s.order: s for s in families["one-sided"]}
    common = [(one_sided[s.order], s) for s in families["balanced"] if s.order > 1]
    if not common:
        return []
    wide, narrow = common[-1]
    return [
        Note(
            rf"For odd $p$ the balanced nodes cost as many lower-level problems as the one-sided ones. At "
            rf"$p = {wide.order}$ they amplify noise by {float(narrow.sum_sq):.4g} instead of "
            rf"{float(wide.sum_sq):.4g} and have the error constant {float(narrow.error_constant):.3g} instead of "
            rf"{float(wide.error_constant):.3g}. They need $\ell_\nu$ at negative $\nu$, as the central ones do."
        )
    ]


def build(context: Context) -> Page:
    """The page of the report."""
    return page()
