"""The compute service: what a classic cloud calls Nova."""
