"""Media that the platform hands out by ID, passed on to the user's browser."""
