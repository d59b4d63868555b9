"""The shell: it performs what `callflows/` decides with whom `routing/` chooses."""
