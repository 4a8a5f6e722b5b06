"""The back ends of the network service."""
