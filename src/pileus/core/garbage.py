"""When Python looks for cyclic garbage, in processes that hold thousands of hosts.

Reference counts free nearly everything at once. A look at all objects stops every thread, for
half a second where there are 5,000 hosts, and by default comes whenever a quarter has been added
to those that lived through two small looks, which requests and timers under way often do.
"""

import gc

_YOUNG, _SMALL, _ALL = 50_000, 20, 20


def seldom() -> None:
    """Look only after so many new objects that what is merely under way is gone by then.

    What is there at the call, modules above all, is left out for good.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG, _SMALL, _ALL)
