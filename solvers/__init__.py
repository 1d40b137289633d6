"""How it is solved: one algorithm or kernel a file."""
