"""The subcommands, one module each with ``run(options) -> exit status``."""
