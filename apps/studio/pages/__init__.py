"""Layout of the page, and the wiring of buttons to handlers."""
