"""The back ends of the compute service."""
