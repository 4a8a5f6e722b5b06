"""identity core."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
# "contract" for what takes away: it waits until no older process is alive.
phase = "expand"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "identity_credentials",
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=True),
        sa.Column("type", sa.String(length=255), nullable=False),
        sa.Column("blob", sa.Text(), nullable=False),
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("access_hash", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_credentials")),
    )
    op.create_index(
        op.f("ix_identity_credentials_access_hash"),
        "identity_credentials",
        ["access_hash"],
        unique=False,
    )
    op.create_index(
        op.f("ix_identity_credentials_project_id"),
        "identity_credentials",
        ["project_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_identity_credentials_user_id"), "identity_credentials", ["user_id"], unique=False
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index(op.f("ix_identity_credentials_user_id"), table_name="identity_credentials")
    op.drop_index(op.f("ix_identity_credentials_project_id"), table_name="identity_credentials")
    op.drop_index(op.f("ix_identity_credentials_access_hash"), table_name="identity_credentials")

    op.drop_table("identity_credentials")
