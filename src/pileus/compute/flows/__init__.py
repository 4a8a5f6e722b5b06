"""Flows of the compute service, a file a verb."""
