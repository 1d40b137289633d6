"""How fast the kernels are, beside the machine's own limits in the same run: ``python -m verify.speed``."""
