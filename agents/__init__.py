"""Who answers: the roster, each counselor's state, shifts, and what a failed offer means."""
