"""The ledger of claims, one module per paper section."""
