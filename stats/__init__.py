"""Questions to the log that change nothing, and the arithmetic of queues."""
