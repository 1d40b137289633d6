r"""The bias of the p-th order hyper-gradient against nu: all stencil families, all three problems.

Curves of the two families with an exact rational form are computed in mpmath; those of the digits problem in double
precision, drawn only where truncation stands above round-off.
"""

from __future__ import annotations

from fractions import Fraction

from bounds.stencil import stencil
from reports.context import Context
from reports.figure import Plot
from reports.page import Badge, Block, Column, Figure, Formula, Heading, Note, Page, Paragraph, Table
from reports.pages import ledger_rows
from reports.style import style_of_order
from synthetic.errors import MissingExtra
from verify.bias import predict
from verify.bias_cases import case
from verify.registry import claims

FAMILIES = {"central": (2, 4, 6, 8, 10), "one_sided": (1, 2, 3, 5, 7, 9), "balanced": (1, 3, 5, 7, 9)}
WORDS = {"central": "central", "one_sided": "one-sided", "balanced": "balanced"}
EXACT = ("linear-quadratic", "polynomial")
NU = tuple(Fraction(1, 2**k) for k in range(2, 19, 2))


def exact_curve(problem: str, family: str, p: int) -> tuple[list[float], list[float]]:
    """(nu, ||bias(nu)||) in high precision."""
    sizes = [case(problem).measurer.bias(stencil(p, family), nu) for nu in NU]
    return [float(nu) for nu in NU], [float(sum(v**2 for v in size)) ** 0.5 for size in sizes]


def digits_curve(family: str, p: int) -> tuple[list[float], list[float]]:
    """(nu, ||bias(nu)||) in double precision where it can be told from round-off."""
    from verify.bias_digits import curve

    nus, sizes = curve(family, p)
    return list(map(float, nus)), list(map(float, sizes))


def _figure(family: str) -> tuple[Figure, str]:
    missing = ""
    plot = Plot(
        f"bias-{family.replace('_', '-')}",
        f"Norm of the hyper-gradient bias against nu on log-log axes for {WORDS[family]} stencils on three problems; "
        "each order p is a straight line of slope p.",
        titles=(*EXACT, "digits"),
        legend="bottom",
    )
    for panel, problem in zip(plot.panels, (*EXACT, "digits")):
        panel.labels(r"$\nu$", r"$\|$bias$\|$" if problem == EXACT[0] else "")
        for p in FAMILIES[family]:
            try:
                nus, sizes = exact_curve(problem, family, p) if problem in EXACT else digits_curve(family, p)
            except MissingExtra as error:
                missing = str(error)
                break
            if not nus:
                continue
            panel.series(f"p = {p}", nus, sizes, style=style_of_order(p))
            if p in (min(FAMILIES[family]), max(q for q in FAMILIES[family] if q < 9)):
                middle = len(nus) // 2
                span = (nus[-1], nus[max(0, middle - 2)])
                panel.guide(p, through=(nus[middle], sizes[middle]), shift=0.1, span=span)
    caption = f"{WORDS[family].capitalize()} stencils. Dashed: exact slopes, set off downwards."
    return Figure(plot.spec(), caption), missing


def build(context: Context) -> Page:
    """The page; claims of the order are run here too, so that the table shows what was measured now."""
    blocks: list[Block] = [
        Paragraph(
            r"The estimator, lower levels solved exactly, is $\hat\psi'(0) = \frac{1}{\nu}\sum_j \alpha_j \psi(j\nu)$ "
            r"with $\psi(\nu) = \nabla_x(\nu f + g)(x, y^*_\nu(x))$ and $\psi'(0) = \nabla\varphi(x)$ "
            r"(paper 000, Eq. (9)). Its bias is $m_{p+1}\psi_{p+1}\nu^p$ to leading order, $\psi_k$ the Taylor "
            r"coefficients of $\psi$ and $m_k = \sum_j \alpha_j j^k$."
        ),
        Formula(r"\hat\psi'(0) - \nabla\varphi(x) = m_{p+1} \psi_{p+1} \nu^p + O(\nu^{p+1})"),
    ]
    missing = ""
    for family in FAMILIES:
        figure, note = _figure(family)
        missing = missing or note
        blocks += [Heading(f"{WORDS[family].capitalize()} stencils"), figure]
    if missing:
        blocks.append(Note(missing.replace("[", "\\["), "caution"))
    blocks += [Heading("Leading coefficients"), _coefficients(), Heading("Verdicts"), _verdicts(context)]
    lead = "The bias of the p-th order hyper-gradient is of order exactly $\\nu^p$, its coefficient the predicted one."
    return Page("bias", "Bias against ν", lead, tuple(blocks))


def _coefficients() -> Table:
    rows = []
    for problem in EXACT:
        for family, orders in FAMILIES.items():
            for p in orders:
                nu = Fraction(1, 2**27)
                predicted = predict(case(problem).jets, stencil(p, family))
                measured = case(problem).measurer.bias(stencil(p, family), nu) / (float(nu) ** p)
                slope = case(problem).measurer.slope(stencil(p, family), nu)
                first = float(predicted.coefficient[0])
                rows.append(
                    (problem, WORDS[family], p, slope, first, float(measured[0]), float(measured[0]) / first - 1)
                )
    columns = (
        "problem",
        "stencil",
        Column("$p$"),
        Column("measured slope", ".9f"),
        Column("predicted coefficient", ".8g"),
        Column("measured", ".8g"),
        Column("relative difference", ".1e"),
    )
    return Table(columns, rows, caption=r"First coordinate of the leading coefficient, at $\nu = 2^{-27}$")


def _verdicts(context: Context) -> Table:
    found = ledger_rows.rows(context, claims(pattern="f2sa_p:order"))
    rows = [(row["id"], Badge(row["verdict_printed"]), row["method"] or row.get("error")) for row in found]
    return Table(("claim", "verdict", "method"), rows, caption="The claims behind this page, run when it was built")
