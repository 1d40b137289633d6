"""The false-alarm control: textbook statements that must pass, and slightly wrong ones that must be refuted."""
