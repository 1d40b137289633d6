"""The command line: argument parsing only. Each subcommand's work is a module of :mod:`reports.commands`.

Nothing heavy is imported here, so that ``bilevel-rates --help`` costs no more than starting Python.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from synthetic.errors import InputError, MissingExtra

# One thread for linear algebra, set before NumPy is loaded: our matrices are small, where threads only get into each
# other's way, and sums must not depend on how many cores a machine has. Processes (--jobs) are what scales.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

EXAMPLES = """\
start here:
  bilevel-rates report                     verify, measure and draw everything; open reports/out/index.html
  bilevel-rates verify --paper f2sa_p      is each statement of the paper right as printed?
  bilevel-rates verify --claim f2sa_p:order-central-polynomial
                                           one claim with its whole evidence
  bilevel-rates list claims                what is checked, and where it stands in the papers
  bilevel-rates doctor                     is this installation sound, and what is optional?

exit status: 0 as it should be; 1 a verdict deviates from the recorded one, or a problem was found; 2 bad input
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bilevel-rates",
        description="The executable appendix of stochastic bilevel optimization: "
        "every statement checked, every rate measured, with evidence that a sceptic can rerun.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _verify(commands.add_parser("verify", help="run the claims and compare their verdicts with the recorded ones"))
    _measure(commands.add_parser("measure", help="measure complexity exponents (SFO calls against eps)"))
    _report(commands.add_parser("report", help="verify, measure and write the HTML report with figures and data"))
    _bounds(commands.add_parser("bounds", help="the atlas of published bounds, and the cheapest method for a target"))
    _check(commands.add_parser("check", help="is a solver, yours or ours, what it claims to be?"))
    _list(commands.add_parser("list", help="what there is: claims, solvers, instances, stencils, presets"))
    doctor = commands.add_parser("doctor", help="check this installation and show what is optional")
    doctor.add_argument("--json", metavar="FILE", help="write the findings as JSON ('-' for standard output)")
    for sub in commands.choices.values():
        sub.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser


def _level(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--level",
        choices=("quick", "full"),
        default="quick",
        help="quick: minutes; full: the long campaign (default quick)",
    )


def _verify(parser: argparse.ArgumentParser) -> None:
    parser.description = "Run claims. The verdict of each is derived from its evidence, then held against the record."
    parser.add_argument(
        "--paper", metavar="NAME", help="only one paper: f2sa_p, f2ba, fdehbo, bo_rep (or 000, 001, ...)"
    )
    parser.add_argument("--claim", metavar="ID", help="one claim, or all whose id begins so; shows the whole evidence")
    parser.add_argument("--replay", metavar="ID", help="recompute the stored counterexample of a claim step by step")
    parser.add_argument("--file", metavar="FILE.py", help="also register the claims of your own file (it is executed)")
    parser.add_argument("--json", metavar="FILE", help="write all outcomes as JSON ('-' for standard output)")
    parser.add_argument("--latex", metavar="FILE", help="write the table as LaTeX (booktabs)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument(
        "--controls",
        action="store_true",
        help="the false-alarm control instead: 30 textbook statements that must pass, 30 slightly wrong ones that must "
        "be refuted",
    )
    _level(parser)


def _measure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Measure an exponent: SFO calls to reach ||grad phi|| <= eps, judged by the exact hyper-gradient, "
        "with seeds, confidence intervals and a held-out range of eps. Interrupted work resumes from its store."
    )
    parser.add_argument("spec", nargs="?", metavar="SPEC.toml", help="an experiment of your own (see CONTRIBUTING.md)")
    parser.add_argument("--preset", metavar="NAME", help="headline, tuned, phase, controls, kappa or literal")
    parser.add_argument("--problem", metavar="FILE.py:NAME", help="your own instance (executed), or a listed name")
    parser.add_argument(
        "--backend",
        choices=("auto", "numpy", "numba", "cupy"),
        default="auto",
        help="what runs the jump and literal kernels, on the same noise (auto: numba; cupy needs an NVIDIA GPU)",
    )
    parser.add_argument("--store", metavar="FILE", help="where finished trials are kept (default: none, in memory)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON ('-' for standard output)")
    parser.add_argument("--latex", metavar="FILE", help="write the table as LaTeX (booktabs)")
    _level(parser)


def _check(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Run a solver on an instance whose answers are known and print a verdict with evidence for each check: "
        "conforms, violates, undecided or not applicable. The protocol is described in verify.conformance."
    )
    parser.add_argument("solver", metavar="SOLVER", help="FILE.py:NAME (the file is executed), or a registered name")
    parser.add_argument("--seed", type=int, default=0, help="which instance, start and noise (default 0)")
    parser.add_argument("--only", metavar="A,B", help="only these checks, e.g. bias,calls")
    parser.add_argument("--json", metavar="FILE", help="write verdicts and numbers as JSON ('-' for standard output)")


def _report(parser: argparse.ArgumentParser) -> None:
    parser.description = "Run the claims and the measurements and write one HTML report that opens from disk."
    parser.add_argument("--out", metavar="DIR", default="reports/out", help="where to write (default reports/out)")
    parser.add_argument("--pages", metavar="A,B", help="only these pages (see `bilevel-rates list pages`)")
    parser.add_argument("--jobs", type=int, default=0, metavar="N", help="processes (default: all cores)")
    _level(parser)


def _bounds(parser: argparse.ArgumentParser) -> None:
    parser.description = "Published upper and lower bounds in one convention, their gaps, and what is cheapest where."
    parser.add_argument("--eps", default="1e-3", metavar="EPS", help="target ||grad phi|| <= EPS (default 1e-3)")
    parser.add_argument("--kappa", default="10", metavar="K", help="condition number (default 10)")
    parser.add_argument("--p", default="4", metavar="P", help="order of smoothness that holds (default 4)")
    parser.add_argument("--hvp-price", default="1", metavar="C", help="price of an HVP in calls (default 1)")
    parser.add_argument("--json", metavar="FILE", nargs="?", const="-", help="as JSON, to FILE or standard output")


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", choices=("claims", "solvers", "instances", "stencils", "presets", "pages"), help="what to list"
    )
    parser.add_argument("--json", metavar="FILE", nargs="?", const="-", help="as JSON, to FILE or standard output")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, run, and turn the suite's own errors into one line and a status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.version:
        from bilevel_rates import __version__

        print(f"bilevel-rates {__version__}")
        return 0
    if options.command is None:
        parser.print_help()
        return 2
    try:
        return int(import_module(f"reports.commands.{options.command}").run(options))
    except (InputError, MissingExtra) as error:
        print(f"bilevel-rates {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"bilevel-rates {options.command}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
