"""An experiment of one's own as a preset: one line of the table for each p and each combination of its axes."""

from __future__ import annotations

from fractions import Fraction

from verify.engine import kernel
from verify.experiment import Experiment
from verify.exponent_rows import curve, line_of, measured_row
from verify.preset import Preset, Result, Row
from verify.verdict import default_margin, exponent, neighbours


def experiment_preset(experiment: Experiment) -> Preset:
    """A preset that runs ``experiment`` and holds every slope against 4 + 2/p (paper 000, Theorem 3.1)."""
    kernel(experiment.kernel)  # unknown kernels are refused before any work
    others = [axis for axis in experiment.axes if axis != "stencil"]
    head = ("p", "stencil", *others)

    def analyse(trials: list[Row], level: str) -> Result:
        groups: dict[tuple[object, ...], list[Row]] = {}
        for row in trials:
            groups.setdefault(tuple(row[key] for key in head), []).append(row)
        rows, series = [], {}
        for values, chosen in groups.items():
            p = int(str(values[0]))
            columns, measured, _ = measured_row(chosen, exponent(p), default_margin(p), neighbours(p, experiment.p))
            rows.append(dict(zip(head, values, strict=True)) | columns)
            label = ", ".join(f"{key} = {value}" for key, value in zip(head, values, strict=True))
            series[label] = {"p": p, **curve(chosen), "fit": line_of(measured)}
        return Result(rows, series, notes(experiment))

    return Preset(experiment.name, f"experiment {experiment.name}", lambda level: [experiment], analyse)


def notes(experiment: Experiment) -> tuple[str, ...]:
    """What must be said beside the table."""
    low, high = (Fraction(getattr(experiment.grid, f"eps_{end}_log10")) for end in ("min", "max"))
    said = ["theory is 4 + 2/p; slope: raw counts; slope_log: the theorem's logarithm divided out of K alone."]
    if experiment.kernel != "literal":
        said.append(f"calls are charged by the {experiment.kernel} kernel, not metered.")
    if high - low < 1:
        said.append("less than a decade of eps: no exponent can be claimed.")
    return tuple(said)
