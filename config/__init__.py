"""Settings, the store, and the data a deployment edits."""
