"""The built-in presets, one module each with a constant ``PRESET``; adding one is a module and a line here."""

from __future__ import annotations

from verify.preset import Preset, Result, run_preset
from verify.presets import (
    compare,
    controls,
    headline,
    kappa,
    literal,
    lower_coupled,
    lower_separable,
    phase,
    rates_deterministic,
    rates_stochastic,
    tuned,
)

__all__ = ["PRESETS", "Preset", "Result", "run_preset"]

_MODULES = (
    headline,
    tuned,
    phase,
    controls,
    kappa,
    literal,
    lower_separable,
    lower_coupled,
    rates_deterministic,
    rates_stochastic,
    compare,
)
PRESETS: dict[str, Preset] = {module.PRESET.name: module.PRESET for module in _MODULES}
