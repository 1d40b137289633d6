"""One thing to time, and how: the best of interleaved rounds, in processor time on one core and wall time on two."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Case:
    """``work(threads)`` does one round and returns how many ``unit`` it did. ``cores``: the numbers of threads to time.

    Rates on one core are by processor time, so that what else the machine does counts little; on more, and for other
    processes (``wall``), by the clock.
    """

    name: str
    unit: str
    work: Callable[[int], float]
    cores: tuple[int, ...] = (1,)
    wall: bool = False

    def clock(self, threads: int) -> Callable[[], float]:
        """What the rates on ``threads`` cores are read from."""
        return time.process_time if threads == 1 and not self.wall else time.perf_counter


def once(case: Case, threads: int) -> float:
    """Units a second of one round."""
    now = case.clock(threads)
    start = now()
    units = case.work(threads)
    return units / (now() - start)


Rates = dict[tuple[str, int], float]
"""(name of the case, cores) -> units a second."""


def measure(cases: Iterable[Case], rounds: int = 7, say: Callable[[str], None] = lambda line: None) -> Rates:
    """The best of ``rounds`` for every case. A round goes over all of them: a slow minute harms none alone."""
    pairs = [(case, cores) for case in cases for cores in case.cores]
    for case, cores in pairs:
        say(f"compile {case.name}")
        case.work(cores)
    best: Rates = {(case.name, cores): 0.0 for case, cores in pairs}
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for case, cores in pairs:
            key = case.name, cores
            best[key] = max(best[key], once(case, cores))
    return best


def side_by_side(work: Callable[[int], float]) -> Callable[[int], float]:
    """Work in ``threads`` threads: work(0), work(1), ... at once, units added. ``work`` must not hold Python's lock."""

    def run(threads: int) -> float:
        if threads == 1:
            return work(0)
        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(work, range(threads)))

    return run
