"""The ledger: outcomes of items, and reports about them."""
