"""What the built-in kernels and problem families may be told; ``declare_kernel`` and ``declare_family`` add more."""

from __future__ import annotations

from synthetic.errors import InputError
from verify.options import Option, Schema

_factor = Option("real", 1, above=0)

SCHEDULE: dict[str, Option] = {
    "schedule": Option(
        "word",
        "theorem",
        ("theorem", "power", "annealed", "constant"),
        doc="theorem: nu, S, K, eta from eps; power: the same with nu = eps^nu_exponent; "
        "annealed: S = K = 1, steps that halve; constant: nu, eta_x, eta_y, S, K as given",
    ),
    "target": Option("word", "eps/4", ("eps/4", "eps/32"), doc="share of eps given to bias and noise"),
    "nu_exponent": Option("rational", 0, low=0, doc="q of nu = eps^q in the power schedule"),
    "nu_cap": Option("real", 0, low=0, doc="largest nu (0: 1/(2 kappa), and 0.9 of where a node loses convexity)"),
    "contraction": Option(
        "word", "smallest", ("smallest", "unperturbed"), doc="K from min_j (a + j nu h), as every node needs, or from a"
    ),
    "nu": Option("real", 0, low=0, doc="schedule constant only, as are the next four"),
    "eta_x": Option("real", 0, low=0),
    "eta_y": Option("real", 0, low=0),
    "S": Option("int", 0, low=0),
    "K": Option("int", 0, low=0),
    "T": Option("int", 0, low=0, doc="outer steps before a run is censored (0: T_cap times the schedule's)"),
    "nu_factor": _factor,
    "S_factor": _factor,
    "K_factor": _factor,
    "eta_x_factor": _factor,
    "eta_y_factor": _factor,
    "sharing": Option(
        "word", "independent", ("independent", "x-step", "everywhere"), doc="samples shared across the nodes j"
    ),
    "inner": Option("word", "fresh", ("fresh", "frozen"), doc="inner samples redrawn each outer step or not"),
    "noise": Option("word", "gaussian", ("gaussian", "rademacher", "multiplicative")),
    "scale": Option("real", 1, above=0, doc="of multiplicative noise: sigma sqrt(1 + ||y||^2 / (d scale^2))"),
    "sigma_f": Option("real", 1, low=0),
    "sigma_g": Option("real", 1, low=0),
    "normalise": Option("bool", True),
    "sustain": Option("real", "1.25", low=1, doc="a hit at t counts if it lasts over [t, sustain t]"),
    "T_cap": Option("real", 8, above=0, doc="a run is censored after T_cap times the steps without any noise"),
    "checkpoints": Option("int", 0, low=0, doc="gradient norms kept, between 0.5 and 2 times those steps"),
    "method": Option("word", "auto", ("auto", "direct", "filtered"), doc="form of the jump kernel"),
}

DIAGONAL: dict[str, Option] = {
    "d": Option("int", 5, low=1),
    "a": Option("real", 1, above=0, doc="A_g = a I"),
    "h": Option("real", "0.5", doc="A_f = h I"),
    # gamma c0 large keeps nu small over the whole range of eps, where the leading powers of nu rule; gamma small
    # keeps c(x) near c0 along the ramp, on which |x| reaches Delta/eps.
    "c0": Option("real", 100000, doc="c(x) = c0 + gamma x in every coordinate"),
    "gamma": Option("real", 1),
    "Delta": Option("real", 1, above=0),
    "L": Option("real", 1, above=0),
    "b": Option("real", 1, doc="B = b I"),
}

BACKEND = Option("word", "numba", ("numpy", "numba", "cupy"), doc="what runs the kernel: the same noise on all of them")

STREAM = Option(
    "word", "exact", ("exact", "fast"), doc="fast: Philox4x32-7, other numbers of the same law; the rows say in_law"
)

KERNELS: dict[str, Schema] = {
    "jump": Schema("jump", {**SCHEDULE, "backend": BACKEND}),
    "literal": Schema("literal", {**SCHEDULE, "backend": BACKEND, "stream": STREAM}),
    "moments": Schema("moments", {**SCHEDULE, "normalise": Option("bool", False)}),
}
FAMILIES: dict[str, Schema] = {
    "ramp": Schema("ramp", DIAGONAL),
    "quadratic": Schema("quadratic", {**DIAGONAL, "curvature": Option("real", 1, above=0)}),
    "quartic": Schema(
        "quartic",
        {
            **DIAGONAL,
            "g3": Option("real", 0, doc="third derivative of g in each coordinate of y; literal kernel only"),
            "g4": Option("real", 1, low=0, doc="fourth derivative of g"),
            "f3": Option("real", 0, doc="third derivative of f"),
            "f4": Option("real", 0, doc="fourth derivative of f"),
        },
    ),
    "dense": Schema(
        "dense", {"dim_x": Option("int", 3, low=1), "dim_y": Option("int", 4, low=1), "seed": Option("int", 0, low=0)}
    ),
    "cubic": Schema("cubic", {**DIAGONAL, "third": Option("real", 1, doc="third derivative of g in y")}),
    "user": Schema(
        "user",
        {
            "file": Option("text", doc="path of a Python file, which is executed"),
            "attribute": Option("text", doc="name of the instance in that file"),
            "sha256": Option("text", doc="hash of the file, so that an edited file is another experiment"),
        },
    ),
}


def declare_kernel(schema: Schema) -> None:
    """Make a kernel's options known; the same declaration twice is fine, another one for the name is not."""
    _declare("kernel", KERNELS, schema)


def declare_family(schema: Schema) -> None:
    """Make a problem family's parameters known."""
    _declare("family", FAMILIES, schema)


def _declare(what: str, known: dict[str, Schema], schema: Schema) -> None:
    if known.setdefault(schema.name, schema) != schema:
        raise InputError(what, schema.name, "already declared with other options; pick another name")


def find(what: str, known: dict[str, Schema], name: object) -> Schema:
    """The schema called ``name``, or an InputError that lists the known names."""
    if not isinstance(name, str) or name not in known:
        raise InputError(what, name, f"pass one of {', '.join(sorted(known))}")
    return known[name]
