"""What happens to an image after its call is answered: imports."""
