"""Who may serve a call, and in which order: stations, regions, candidates and the queue."""
