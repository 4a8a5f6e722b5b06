"""What an "expand" migration must not do, as older processes serve on beside it.

A process of the version before reads and writes the tables as it knows them: so nothing that it
names may go, change its name or its type, or be refused.
"""

import ast
import re

_FORBIDDEN = {
    "drop_column": "it drops a column",
    "drop_table": "it drops a table",
    "rename_table": "it renames a table",
    "create_unique_constraint": "older processes may write what it refuses",
    "create_check_constraint": "older processes may write what it refuses",
    "create_foreign_key": "older processes may write what it refuses",
    "create_exclude_constraint": "older processes may write what it refuses",
    "create_primary_key": "older processes may write what it refuses",
}
_CHANGES = {
    "new_column_name": "it renames a column",
    "type_": "it changes a column's type",
}
_SQL = re.compile(r"\b(DROP\s+(TABLE|COLUMN)|RENAME|DELETE\s+FROM|TRUNCATE)\b", re.IGNORECASE)


def violations(source: str) -> list[str]:
    """Why the migration of this source may not call itself "expand"; "contract" ones may all."""
    tree = ast.parse(source)
    phase = _phase(tree)
    if phase not in ("expand", "contract"):
        return ['it does not say `phase = "expand"` or `phase = "contract"`']
    if phase == "contract":
        return []
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name != "downgrade":
            made = _made(node)
            for call in (one for one in ast.walk(node) if isinstance(one, ast.Call)):
                found += [f"line {call.lineno}: {why}" for why in _wrong(call, made)]
    return found


def _phase(tree: ast.Module) -> object:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == "phase":
                    return node.value.value
    return None


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _first(call: ast.Call) -> object:
    return call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None


def _made(function: ast.FunctionDef) -> set[object]:
    """The tables that the migration itself makes: what it does to them nobody minds."""
    calls = [one for one in ast.walk(function) if isinstance(one, ast.Call)]
    return {_first(call) for call in calls if _name(call) == "create_table"}


def _wrong(call: ast.Call, made: set[object]) -> list[str]:
    name = _name(call)
    words = {word.arg: word.value for word in call.keywords if word.arg}
    if name in _FORBIDDEN and _first(call) not in made:
        return [_FORBIDDEN[name]]
    if name == "create_index" and _true(words.get("unique")) and _table(call) not in made:
        return [_FORBIDDEN["create_unique_constraint"]]
    if name == "alter_column":
        found = [why for word, why in _CHANGES.items() if word in words]
        if "nullable" in words and not _true(words["nullable"]):
            found.append("it makes a column NOT NULL")
        if "server_default" in words and _none(words["server_default"]):
            found.append("it takes a default away")
        return found
    if name == "add_column":
        return [
            "it adds a NOT NULL column without server_default: older processes do not write it"
            for column in call.args
            if isinstance(column, ast.Call) and _name(column) == "Column" and _needs(column)
        ]
    if name in ("execute", "exec_driver_sql", "text"):
        texts = [n.value for n in ast.walk(call) if isinstance(n, ast.Constant)]
        if any(isinstance(text, str) and _SQL.search(text) for text in texts):
            return ["its SQL takes something away"]
    return []


def _needs(column: ast.Call) -> bool:
    words = {word.arg: word.value for word in column.keywords if word.arg}
    nullable = "nullable" not in words or _true(words["nullable"])
    default = words.get("server_default")
    return not nullable and (default is None or _none(default))


def _table(call: ast.Call) -> object:
    second = call.args[1] if len(call.args) > 1 else None
    return second.value if isinstance(second, ast.Constant) else None


def _true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
