"""Training and measurement of the shipped weights, and their model cards. Runs from the repository; not part of the wheel."""
