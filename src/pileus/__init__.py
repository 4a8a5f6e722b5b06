"""Pileus: a whole OpenStack cloud in one Python package."""
