"""which providers have changed, written by triggers."""

import sqlalchemy as sa
from alembic import op

from pileus.placement.changes import triggers

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
# "contract" for what takes away: it waits until no older process is alive.
phase = "expand"


def upgrade() -> None:
    """Add the table and the triggers, which see what older processes write, too."""
    op.create_table(
        "placement_changes",
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("number", "provider_id", name=op.f("pk_placement_changes")),
    )
    for statement in triggers(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Take them away."""
    for table in ("providers", "provider_traits", "provider_aggregates"):
        name = f"placement_{table}"
        if op.get_bind().dialect.name == "sqlite":
            for event in ("insert", "update", "delete"):
                op.execute(f"DROP TRIGGER IF EXISTS {name}_{event}")
        else:
            op.execute(f"DROP TRIGGER {name}_changed ON {name}")
            op.execute(f"DROP FUNCTION {name}_changed()")
    op.drop_table("placement_changes")
