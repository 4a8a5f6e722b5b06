"""The network service: what a classic cloud calls Neutron."""
