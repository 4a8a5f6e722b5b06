"""The three ways in which a back end fails, whatever the back end is."""


class Busy(Exception):
    """The back end cannot do this now and may later: the caller tries again."""


class Refused(Exception):
    """The back end will never do this: the message says why, for the resource's fault."""


class Broken(Exception):
    """The back end itself does not work: the message says what is wrong and what mends it."""
