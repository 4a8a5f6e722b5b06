"""Guest images that this machine builds for itself from Debian packages."""
