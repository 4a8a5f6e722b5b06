"""An artificial next version: this package, one column renamed in two migrations."""

import shutil
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src/pileus"
VERSION = "99.0.0"
OLD, NEW = "locked_reason", "reason_of_lock"

_EXPAND = f'''"""Add a column, filled from the one that it replaces."""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{{down}}"
branch_labels = None
depends_on = None
phase = "expand"


def upgrade() -> None:
    """Add and fill."""
    op.add_column("servers", sa.Column("{NEW}", sa.String(length=255), nullable=True))
    op.execute("UPDATE servers SET {NEW} = {OLD}")


def downgrade() -> None:
    """Nobody goes back."""
'''

_CONTRACT = f'''"""Take over what older processes wrote meanwhile, and drop their column."""

from alembic import op

revision = "9002"
down_revision = "9001"
branch_labels = None
depends_on = None
phase = "contract"


def upgrade() -> None:
    """Fill and drop."""
    op.execute("UPDATE servers SET {NEW} = {OLD} WHERE {NEW} IS NULL")
    with op.batch_alter_table("servers") as table:
        table.drop_column("{OLD}")


def downgrade() -> None:
    """Nobody goes back."""
'''


def make(folder: Path) -> Path:
    """Write the next version into the folder, and return what to put on PYTHONPATH."""
    package = folder / "pileus"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "version.py").write_text(f'"""The next version."""\n\nVERSION = "{VERSION}"\n')
    edits = {
        "server.py": [(f"{OLD} = attr", f"{NEW} = attr")],
        "server_change.py": [(f"{OLD}=", f"{NEW}=")],
        "server_view.py": [(f"server.{OLD}", f"server.{NEW}")],
    }
    for name, pairs in edits.items():
        file = package / "compute" / name
        text = file.read_text()
        for old, new in pairs:
            assert old in text, f"{name} does not say {old} any more"
            text = text.replace(old, new)
        file.write_text(text)
    versions = package / "migrations/versions"
    newest = sorted(versions.glob("[0-9]*.py"))[-1].name.partition("_")[0]
    (versions / "9001_add.py").write_text(_EXPAND.replace("{down}", newest))
    (versions / "9002_drop.py").write_text(_CONTRACT)
    return folder
