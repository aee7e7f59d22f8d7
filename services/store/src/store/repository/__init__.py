"""Every query of the store. Errors of Postgres become ours here; see `store.errors`."""
