"""Does it hold: claims with derived verdicts, and measured rates."""
