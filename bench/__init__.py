"""Benchmarks: our line beside Asterisk's own app_queue, on one Asterisk, in one run."""
