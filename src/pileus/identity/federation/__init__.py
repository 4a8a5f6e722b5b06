"""Users whom somebody else vouches for, and users whom this cloud vouches for: OS-FEDERATION."""
