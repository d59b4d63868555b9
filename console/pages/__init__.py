"""The console's pages, a blueprint each."""
