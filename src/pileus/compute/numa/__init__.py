"""NUMA: the cells of hosts and guests, and which of the one are on which of the other."""
