"""A day of calls through the router, on a clock of its own."""
