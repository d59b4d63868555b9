"""Work orders: the append-only log of what happened to each call, and what is read from it."""
