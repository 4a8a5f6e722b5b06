"""PCI devices that a guest may have to itself: which there are, who asks for them, who has them."""
