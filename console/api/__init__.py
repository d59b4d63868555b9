"""The console's JSON API: for programs, by tokens."""
