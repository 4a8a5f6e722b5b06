"""identity core."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
# "contract" for what takes away: it waits until no older process is alive.
phase = "expand"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "identity_consumers",
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("secret", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_consumers")),
    )
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
        sa.UniqueConstraint("access_hash", name=op.f("uq_identity_credentials_access_hash")),
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

    op.create_table(
        "identity_endpoint_groups",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_endpoint_groups")),
    )
    op.create_table(
        "identity_limits",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=True),
        sa.Column("domain_id", sa.String(length=64), nullable=True),
        sa.Column("service_id", sa.String(length=64), nullable=False),
        sa.Column("region_id", sa.String(length=255), nullable=True),
        sa.Column("resource_name", sa.String(length=255), nullable=False),
        sa.Column("resource_limit", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("place", sa.String(length=600), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_limits")),
        sa.UniqueConstraint("holder", "place", name=op.f("uq_identity_limits_holder_place")),
    )
    op.create_index(op.f("ix_identity_limits_place"), "identity_limits", ["place"], unique=False)

    op.create_table(
        "identity_policies",
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=255), nullable=False),
        sa.Column("blob", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_policies")),
    )
    op.create_table(
        "identity_trusts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("trustor_user_id", sa.String(length=64), nullable=False),
        sa.Column("trustee_user_id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=True),
        sa.Column("impersonation", sa.Boolean(), nullable=False),
        sa.Column("remaining_uses", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("redelegation_count", sa.BigInteger(), nullable=False),
        sa.Column("redelegated_trust_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_trusts")),
    )
    op.create_index(
        op.f("ix_identity_trusts_project_id"), "identity_trusts", ["project_id"], unique=False
    )
    op.create_index(
        op.f("ix_identity_trusts_redelegated_trust_id"),
        "identity_trusts",
        ["redelegated_trust_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_identity_trusts_trustee_user_id"),
        "identity_trusts",
        ["trustee_user_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_identity_trusts_trustor_user_id"),
        "identity_trusts",
        ["trustor_user_id"],
        unique=False,
    )

    op.create_table(
        "identity_access_tokens",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("consumer_id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("authorizing_user_id", sa.String(length=64), nullable=False),
        sa.Column("secret", sa.String(length=255), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("role_ids", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["consumer_id"],
            ["identity_consumers.id"],
            name=op.f("fk_identity_access_tokens_consumer_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_access_tokens")),
    )
    op.create_index(
        op.f("ix_identity_access_tokens_authorizing_user_id"),
        "identity_access_tokens",
        ["authorizing_user_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_identity_access_tokens_consumer_id"),
        "identity_access_tokens",
        ["consumer_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_identity_access_tokens_project_id"),
        "identity_access_tokens",
        ["project_id"],
        unique=False,
    )

    op.create_table(
        "identity_policy_associations",
        sa.Column("endpoint_id", sa.String(length=64), nullable=False),
        sa.Column("service_id", sa.String(length=64), nullable=False),
        sa.Column("region_id", sa.String(length=255), nullable=False),
        sa.Column("policy_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_id"],
            ["identity_policies.id"],
            name=op.f("fk_identity_policy_associations_policy_id"),
        ),
        sa.PrimaryKeyConstraint(
            "endpoint_id", "service_id", "region_id", name=op.f("pk_identity_policy_associations")
        ),
    )
    op.create_index(
        op.f("ix_identity_policy_associations_policy_id"),
        "identity_policy_associations",
        ["policy_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_identity_policy_associations_region_id"),
        "identity_policy_associations",
        ["region_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_identity_policy_associations_service_id"),
        "identity_policy_associations",
        ["service_id"],
        unique=False,
    )

    op.create_table(
        "identity_project_endpoint_groups",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("endpoint_group_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_group_id"],
            ["identity_endpoint_groups.id"],
            name=op.f("fk_identity_project_endpoint_groups_endpoint_group_id"),
        ),
        sa.PrimaryKeyConstraint(
            "project_id", "endpoint_group_id", name=op.f("pk_identity_project_endpoint_groups")
        ),
    )
    op.create_index(
        op.f("ix_identity_project_endpoint_groups_endpoint_group_id"),
        "identity_project_endpoint_groups",
        ["endpoint_group_id"],
        unique=False,
    )

    op.create_table(
        "identity_registered_limits",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("service_id", sa.String(length=64), nullable=False),
        sa.Column("region_id", sa.String(length=255), nullable=True),
        sa.Column("resource_name", sa.String(length=255), nullable=False),
        sa.Column("default_limit", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("place", sa.String(length=600), nullable=False),
        sa.ForeignKeyConstraint(
            ["region_id"],
            ["identity_regions.id"],
            name=op.f("fk_identity_registered_limits_region_id"),
        ),
        sa.ForeignKeyConstraint(
            ["service_id"],
            ["identity_services.id"],
            name=op.f("fk_identity_registered_limits_service_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_registered_limits")),
        sa.UniqueConstraint("place", name=op.f("uq_identity_registered_limits_place")),
    )
    op.create_index(
        op.f("ix_identity_registered_limits_service_id"),
        "identity_registered_limits",
        ["service_id"],
        unique=False,
    )

    op.create_table(
        "identity_request_tokens",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("consumer_id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("secret", sa.String(length=255), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("verifier", sa.String(length=32), nullable=True),
        sa.Column("user_id", sa.String(length=64), nullable=True),
        sa.Column("role_ids", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["consumer_id"],
            ["identity_consumers.id"],
            name=op.f("fk_identity_request_tokens_consumer_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_request_tokens")),
    )
    op.create_index(
        op.f("ix_identity_request_tokens_consumer_id"),
        "identity_request_tokens",
        ["consumer_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_identity_request_tokens_expires_at"),
        "identity_request_tokens",
        ["expires_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_identity_request_tokens_project_id"),
        "identity_request_tokens",
        ["project_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_identity_request_tokens_user_id"),
        "identity_request_tokens",
        ["user_id"],
        unique=False,
    )

    op.create_table(
        "identity_project_endpoints",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("endpoint_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["identity_endpoints.id"],
            name=op.f("fk_identity_project_endpoints_endpoint_id"),
        ),
        sa.PrimaryKeyConstraint(
            "project_id", "endpoint_id", name=op.f("pk_identity_project_endpoints")
        ),
    )
    op.create_index(
        op.f("ix_identity_project_endpoints_endpoint_id"),
        "identity_project_endpoints",
        ["endpoint_id"],
        unique=False,
    )

    op.create_table(
        "identity_trust_roles",
        sa.Column("trust_id", sa.String(length=64), nullable=False),
        sa.Column("role_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["role_id"], ["identity_roles.id"], name=op.f("fk_identity_trust_roles_role_id")
        ),
        sa.ForeignKeyConstraint(
            ["trust_id"], ["identity_trusts.id"], name=op.f("fk_identity_trust_roles_trust_id")
        ),
        sa.PrimaryKeyConstraint("trust_id", "role_id", name=op.f("pk_identity_trust_roles")),
    )
    op.create_index(
        op.f("ix_identity_trust_roles_role_id"), "identity_trust_roles", ["role_id"], unique=False
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index(op.f("ix_identity_trust_roles_role_id"), table_name="identity_trust_roles")

    op.drop_table("identity_trust_roles")
    op.drop_index(
        op.f("ix_identity_project_endpoints_endpoint_id"), table_name="identity_project_endpoints"
    )

    op.drop_table("identity_project_endpoints")
    op.drop_index(op.f("ix_identity_request_tokens_user_id"), table_name="identity_request_tokens")
    op.drop_index(
        op.f("ix_identity_request_tokens_project_id"), table_name="identity_request_tokens"
    )
    op.drop_index(
        op.f("ix_identity_request_tokens_expires_at"), table_name="identity_request_tokens"
    )
    op.drop_index(
        op.f("ix_identity_request_tokens_consumer_id"), table_name="identity_request_tokens"
    )

    op.drop_table("identity_request_tokens")
    op.drop_index(
        op.f("ix_identity_registered_limits_service_id"), table_name="identity_registered_limits"
    )

    op.drop_table("identity_registered_limits")
    op.drop_index(
        op.f("ix_identity_project_endpoint_groups_endpoint_group_id"),
        table_name="identity_project_endpoint_groups",
    )

    op.drop_table("identity_project_endpoint_groups")
    op.drop_index(
        op.f("ix_identity_policy_associations_service_id"),
        table_name="identity_policy_associations",
    )
    op.drop_index(
        op.f("ix_identity_policy_associations_region_id"), table_name="identity_policy_associations"
    )
    op.drop_index(
        op.f("ix_identity_policy_associations_policy_id"), table_name="identity_policy_associations"
    )

    op.drop_table("identity_policy_associations")
    op.drop_index(op.f("ix_identity_access_tokens_project_id"), table_name="identity_access_tokens")
    op.drop_index(
        op.f("ix_identity_access_tokens_consumer_id"), table_name="identity_access_tokens"
    )
    op.drop_index(
        op.f("ix_identity_access_tokens_authorizing_user_id"), table_name="identity_access_tokens"
    )

    op.drop_table("identity_access_tokens")
    op.drop_index(op.f("ix_identity_trusts_trustor_user_id"), table_name="identity_trusts")
    op.drop_index(op.f("ix_identity_trusts_trustee_user_id"), table_name="identity_trusts")
    op.drop_index(op.f("ix_identity_trusts_redelegated_trust_id"), table_name="identity_trusts")
    op.drop_index(op.f("ix_identity_trusts_project_id"), table_name="identity_trusts")

    op.drop_table("identity_trusts")
    op.drop_table("identity_policies")
    op.drop_index(op.f("ix_identity_limits_place"), table_name="identity_limits")

    op.drop_table("identity_limits")
    op.drop_table("identity_endpoint_groups")
    op.drop_index(op.f("ix_identity_credentials_user_id"), table_name="identity_credentials")
    op.drop_index(op.f("ix_identity_credentials_project_id"), table_name="identity_credentials")

    op.drop_table("identity_credentials")
    op.drop_table("identity_consumers")
