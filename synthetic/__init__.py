"""What is solved: bilevel instances, noise models and the metered stochastic oracle."""
