"""The one table of a benchmark run: every timed test leaves its rate here, ratios are taken at the end."""

from __future__ import annotations

import pytest

from verify.speed.case import Rates
from verify.speed.table import cases, goals, rows, text

RATES = pytest.StashKey[Rates]()


@pytest.fixture
def rates(request: pytest.FixtureRequest) -> Rates:
    """(case, cores) -> units a second, of all tests so far."""
    return request.config.stash.setdefault(RATES, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rate = config.stash.get(RATES, {})
    if rate:
        terminalreporter.write_line("")
        terminalreporter.write_line(text(rows(cases(), rate), goals(rate)))
