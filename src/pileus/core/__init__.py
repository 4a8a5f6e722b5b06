"""What every service stands on, and which knows none of them."""
