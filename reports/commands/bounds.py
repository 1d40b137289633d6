"""``bilevel-rates bounds``: the atlas of published bounds, the gaps, and which method is cheapest where."""

from __future__ import annotations

import argparse
from typing import Any

from bounds.atlas import Class, atlas, best_p, cheapest, conflicts, contradictions, crossover, gap
from reports import terminal
from reports.commands.common import check_writable, write_json
from reports.page import Column, Table
from synthetic.errors import InputError

HVP = frozenset({"grad", "hvp"})


def classes() -> list[tuple[str, Class]]:
    """The classes whose gaps are shown."""
    found = [(f"stochastic, order p = {p}", Class(p)) for p in (1, 2, 3, 4, 6, 8, 10)]
    found.append(("stochastic, p = 1, with HVPs", Class(1, oracle=HVP)))
    found.append(("deterministic, p = 1", Class(1, "deterministic")))
    return found


def gap_rows() -> list[dict[str, Any]]:
    """Best upper and lower bound of each class and the exponents between them."""
    rows = []
    for name, of in classes():
        found = gap(of)
        rows.append(
            {
                "class": name,
                "upper": found.upper.id if found.upper else None,
                "lower": found.lower.id if found.lower else None,
                "eps_gap": None if found.eps is None else str(found.eps),
                "kappa_gap": None if found.kappa is None else str(found.kappa),
            }
        )
    return rows


def choice(eps: float, kappa: float, p: int, hvp_price: float) -> dict[str, Any]:
    """The advice for one (eps, kappa, p, price), orders of magnitude only."""
    found = cheapest(eps, kappa, p, hvp_price)
    return {
        "eps": eps,
        "kappa": kappa,
        "p": p,
        "hvp_price": hvp_price,
        "cheapest": found.bound.id,
        "at_order": found.p,
        "log10_cost": found.log10_cost,
        "best_p": best_p(eps, kappa),
        "best_p_with_constants": best_p(eps, kappa, constants=True),
    }


def _number(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        raise InputError(name, text, "pass a number") from error


def run(options: argparse.Namespace) -> int:
    check_writable("--json", options.json)
    eps, kappa = _number("--eps", options.eps, float), _number("--kappa", options.kappa, float)
    p, price = _number("--p", options.p, int), _number("--hvp-price", options.hvp_price, float)
    advice = choice(eps, kappa, p, price)
    wrong = contradictions()
    rows = [b.as_dict() for b in atlas()]
    if options.json:
        body = {"bounds": rows, "gaps": gap_rows(), "conflicts": conflicts(), "contradictions": wrong}
        write_json(options.json, body | {"choice": advice, "crossovers": {f"{q}": crossover(1, q) for q in (2, 4, 8)}})
    if options.json != "-":
        shown = ("kind", "setting", "method", "eps", "kappa", "order", "status", "source")
        columns = [Column(k, wrap=True) for k in shown]
        terminal.print_table(
            Table(columns, [tuple(r[k] for k in shown) for r in rows], caption="calls ~ kappa^a eps^-b")
        )
        gaps = gap_rows()
        columns = [Column(k, wrap=True) for k in gaps[0]]
        terminal.print_table(Table(columns, [tuple(v or "-" for v in r.values()) for r in gaps], caption="gaps"))
        print(
            f"at eps = {eps:g}, kappa = {kappa:g}, p <= {p}, HVP = {price:g} calls: {advice['cheapest']} "
            f"(order {advice['at_order']}); best p {advice['best_p']}, with constants "
            f"{advice['best_p_with_constants']} (orders of magnitude, no logarithms)"
        )
    for lower, upper, order in wrong:
        print(f"CONTRADICTION: {lower} above {upper} at p = {order}")
    return 1 if wrong else 0
