"""Definitions of metadata: what keys of images, flavors and volumes mean, and their values."""
