"""Lists that stand in a text, as `['a', 'b']`: what several values of an attribute become."""

import ast


def texts(value: str) -> list[str]:
    """The texts of a list, or the one text itself where it is none."""
    if not value.startswith("["):
        return [value]
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return [value]
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return found
    return [value]
