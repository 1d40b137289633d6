"""Printed ranges of parameters, one module a paper: see verify/ranges.py."""
