"""What stands where on the page, and which button calls which handler."""
