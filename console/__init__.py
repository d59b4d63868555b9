"""The counselors' pages. Leaves only: no other package imports it."""
