"""Is a solver what it says it is? ``bilevel-rates check FILE.py:NAME`` runs it and prints a verdict with evidence.

NAME is a configured solver, or a class or function that makes one when called without arguments. The protocol is that
of :mod:`solvers.base`: a frozen configuration with ``needs`` and the pure functions

    init(problem, x0, y0) -> state        step(state, oracle) -> state        terminate(state) -> bool

on a state that is plain data (a dataclass or NamedTuple) with fields ``t`` and ``x``, x of shape (..., dim_x). NAME may
also be a bare ``hypergrad_estimate(problem, x, oracle, rng)`` (:mod:`verify.conformance.subject`).

Optional attributes say what a solver claims; each is a promise that is then checked:

    calls or cost()      SFO calls (an int) or all Counts of a whole run
    small_parameter      name of the field that goes to 0 ("nu"), or to infinity when the bias is "geometric" ("Q")
    small_value, with_small(value)   the parameter's value, and the same configuration at another one, when it is no
                         field or more than that field must change
    bias_order           p: ||estimate - grad phi|| = O(small^p); "geometric"; or "unbiased"
    nodes                the stencil (-1, 1), (0, 1), ... (or ``stencil``): the bias on a quadratic is then known
    batch                name of the field that divides the variance of the step in x
    iterates(state)      {nu: iterate} of what should approach y*_nu(x); default {0: state.y}
    momentum             "storm", "spider": a correction on one sample at two points; "average": a moving average
    share                its weight a of the new sample: a number, a field's name, a function of the step, or {"x": ..,
                         "y": ..} of these
    strata(step)         (i, n): which of n equally likely values the solver's own randomness takes in this step; the
                         bias is then read stratum by stratum, with far less noise
    accuracy(problem, state)  the solver's own measure of ||grad phi(x)||
    hold(state, x)       the state at another x, when replacing the field x is not enough
    claimed_eps          a run that terminates has exact ||grad phi|| <= claimed_eps
    exponent, for_eps(eps, problem)   calls ~ eps^-exponent with that configuration; exact_oracle = True: no noise

The kit's instance is a linear-quadratic one, dim_x = 2, dim_y = 3, with 1 <= grad^2_yy g <= 2, ||grad^2 phi|| = 1 and
all else of order 1: hand in a configuration with steps that suit it (a step in y of 0.4, in x of 0.1, say).

How it looks inside without being told where: a linear term b'x added to f shifts grad phi by exactly b, so the answer
of the step in x to b reveals the step size, hence the estimate behind the step (:mod:`verify.conformance.held`).
Adding to single answers of the oracle reveals the weights of a momentum (:mod:`verify.conformance.momentum`,
:mod:`verify.conformance.average`).

Verdicts: conforms; violates, with the evidence; not applicable, with the reason; undecided, with what is missing.
It judges honest mistakes: code that sets out to fool it (that reads private attributes of the oracle) can.
"""
