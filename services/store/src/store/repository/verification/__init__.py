"""Reading everything that is stored about users, for hashing."""
