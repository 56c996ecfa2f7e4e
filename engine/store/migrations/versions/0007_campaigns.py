"""Campaigns, and the log of what was done to them, which the database itself lets only grow.

In: a catalog of any content. Out: `campaigns`, `campaign_audit` and its guards. Never: rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SAID = "lines of the audit log are never changed or removed"
SQLITE = (
    f"CREATE TRIGGER campaign_audit_not_changed BEFORE UPDATE ON campaign_audit "
    f"BEGIN SELECT RAISE(ABORT, '{SAID}'); END",
    f"CREATE TRIGGER campaign_audit_not_removed BEFORE DELETE ON campaign_audit "
    f"BEGIN SELECT RAISE(ABORT, '{SAID}'); END",
    # INSERT OR REPLACE removes a line without asking the guard above.
    f"CREATE TRIGGER campaign_audit_not_replaced BEFORE INSERT ON campaign_audit "
    f"WHEN EXISTS (SELECT 1 FROM campaign_audit WHERE number = NEW.number) "
    f"BEGIN SELECT RAISE(ABORT, '{SAID}'); END",
)
POSTGRESQL = (
    "CREATE FUNCTION campaign_audit_stays() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{SAID}'; END $$",
    "CREATE TRIGGER campaign_audit_not_changed BEFORE UPDATE OR DELETE ON campaign_audit "
    "FOR EACH ROW EXECUTE FUNCTION campaign_audit_stays()",
    "CREATE TRIGGER campaign_audit_not_emptied BEFORE TRUNCATE ON campaign_audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION campaign_audit_stays()",
)


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "campaigns",
        sa.Column("number", number, primary_key=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("team", sa.String(200)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "campaign_audit",
        sa.Column("number", number, primary_key=True),
        sa.Column("campaign_id", sa.String(64), nullable=False, index=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("before", sa.JSON, nullable=False),
        sa.Column("after", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    for guard in SQLITE if sqlite else POSTGRESQL:
        op.execute(guard)


def downgrade() -> None:
    op.drop_table("campaign_audit")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION campaign_audit_stays()")
    op.drop_table("campaigns")
