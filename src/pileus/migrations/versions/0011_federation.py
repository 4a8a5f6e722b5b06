"""federation and directories: who vouches for users, and whom they know."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
# "contract" for what takes away: it waits until no older process is alive.
phase = "expand"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "identity_mappings",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("schema_version", sa.String(length=5), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_mappings")),
    )
    op.create_table(
        "identity_seen_assertions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_seen_assertions")),
    )
    with op.batch_alter_table("identity_seen_assertions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_identity_seen_assertions_until"), ["until"], unique=False
        )

    op.create_table(
        "identity_service_providers",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("auth_url", sa.String(length=256), nullable=False),
        sa.Column("sp_url", sa.String(length=256), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("relay_state_prefix", sa.String(length=256), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_service_providers")),
    )
    op.create_table(
        "identity_vouched",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("idp_id", sa.String(length=64), nullable=False),
        sa.Column("protocol_id", sa.String(length=64), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_vouched")),
    )
    with op.batch_alter_table("identity_vouched", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_identity_vouched_until"), ["until"], unique=False)

    op.create_table(
        "identity_directory_entries",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("domain_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("local_id", sa.String(length=255), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["domain_id"],
            ["identity_domains.id"],
            name=op.f("fk_identity_directory_entries_domain_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_directory_entries")),
    )
    with op.batch_alter_table("identity_directory_entries", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_identity_directory_entries_domain_id"), ["domain_id"], unique=False
        )

    op.create_table(
        "identity_domain_options",
        sa.Column("domain_id", sa.String(length=64), nullable=False),
        sa.Column("section", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["domain_id"],
            ["identity_domains.id"],
            name=op.f("fk_identity_domain_options_domain_id"),
        ),
        sa.PrimaryKeyConstraint(
            "domain_id", "section", "name", name=op.f("pk_identity_domain_options")
        ),
    )
    op.create_table(
        "identity_identity_providers",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("domain_id", sa.String(length=64), nullable=False),
        sa.Column("authorization_ttl", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["domain_id"],
            ["identity_domains.id"],
            name=op.f("fk_identity_identity_providers_domain_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_identity_providers")),
    )
    with op.batch_alter_table("identity_identity_providers", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_identity_identity_providers_domain_id"), ["domain_id"], unique=False
        )

    op.create_table(
        "identity_expiring_members",
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("group_id", sa.String(length=64), nullable=False),
        sa.Column("idp_id", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["identity_groups.id"], name=op.f("fk_identity_expiring_members_group_id")
        ),
        sa.ForeignKeyConstraint(
            ["idp_id"],
            ["identity_identity_providers.id"],
            name=op.f("fk_identity_expiring_members_idp_id"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["identity_users.id"], name=op.f("fk_identity_expiring_members_user_id")
        ),
        sa.PrimaryKeyConstraint(
            "user_id", "group_id", "idp_id", name=op.f("pk_identity_expiring_members")
        ),
    )
    with op.batch_alter_table("identity_expiring_members", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_identity_expiring_members_expires_at"), ["expires_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_identity_expiring_members_group_id"), ["group_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_identity_expiring_members_idp_id"), ["idp_id"], unique=False
        )

    op.create_table(
        "identity_federated_users",
        sa.Column("idp_id", sa.String(length=64), nullable=False),
        sa.Column("protocol_id", sa.String(length=64), nullable=False),
        sa.Column("unique_id", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["idp_id"],
            ["identity_identity_providers.id"],
            name=op.f("fk_identity_federated_users_idp_id"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["identity_users.id"], name=op.f("fk_identity_federated_users_user_id")
        ),
        sa.PrimaryKeyConstraint(
            "idp_id", "protocol_id", "unique_id", name=op.f("pk_identity_federated_users")
        ),
    )
    with op.batch_alter_table("identity_federated_users", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_identity_federated_users_user_id"), ["user_id"], unique=False
        )

    op.create_table(
        "identity_protocols",
        sa.Column("idp_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("mapping_id", sa.String(length=64), nullable=False),
        sa.Column("remote_id_attribute", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["idp_id"],
            ["identity_identity_providers.id"],
            name=op.f("fk_identity_protocols_idp_id"),
        ),
        sa.ForeignKeyConstraint(
            ["mapping_id"], ["identity_mappings.id"], name=op.f("fk_identity_protocols_mapping_id")
        ),
        sa.PrimaryKeyConstraint("idp_id", "id", name=op.f("pk_identity_protocols")),
    )
    with op.batch_alter_table("identity_protocols", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_identity_protocols_mapping_id"), ["mapping_id"], unique=False
        )

    op.create_table(
        "identity_remote_ids",
        sa.Column("remote_id", sa.String(length=255), nullable=False),
        sa.Column("idp_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["idp_id"],
            ["identity_identity_providers.id"],
            name=op.f("fk_identity_remote_ids_idp_id"),
        ),
        sa.PrimaryKeyConstraint("remote_id", name=op.f("pk_identity_remote_ids")),
    )
    with op.batch_alter_table("identity_remote_ids", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_identity_remote_ids_idp_id"), ["idp_id"], unique=False)


def downgrade() -> None:
    """Take them away."""
    with op.batch_alter_table("identity_remote_ids", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identity_remote_ids_idp_id"))

    op.drop_table("identity_remote_ids")
    with op.batch_alter_table("identity_protocols", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identity_protocols_mapping_id"))

    op.drop_table("identity_protocols")
    with op.batch_alter_table("identity_federated_users", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identity_federated_users_user_id"))

    op.drop_table("identity_federated_users")
    with op.batch_alter_table("identity_expiring_members", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identity_expiring_members_idp_id"))
        batch_op.drop_index(batch_op.f("ix_identity_expiring_members_group_id"))
        batch_op.drop_index(batch_op.f("ix_identity_expiring_members_expires_at"))

    op.drop_table("identity_expiring_members")
    with op.batch_alter_table("identity_identity_providers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identity_identity_providers_domain_id"))

    op.drop_table("identity_identity_providers")
    op.drop_table("identity_domain_options")
    with op.batch_alter_table("identity_directory_entries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identity_directory_entries_domain_id"))

    op.drop_table("identity_directory_entries")
    with op.batch_alter_table("identity_vouched", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identity_vouched_until"))

    op.drop_table("identity_vouched")
    op.drop_table("identity_service_providers")
    with op.batch_alter_table("identity_seen_assertions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identity_seen_assertions_until"))

    op.drop_table("identity_seen_assertions")
    op.drop_table("identity_mappings")
