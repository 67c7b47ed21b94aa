"""Room names are in the order of bytes everywhere, MySQL takes every size, and talk is found by its time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INDEX = "ix_entries_room_epoch_at_seq"
_ORDERED = (
    ("rooms", "room", 40),
    ("rooms", "epoch", 16),
    ("entries", "room", 40),
    ("entries", "epoch", 16),
    ("entries", "at", 32),
    ("forgotten", "room", 40),
    ("forgotten", "epoch", 16),
)
_COLLATION = "utf8mb4_bin"


def upgrade() -> None:
    """Change the columns, and make the index."""
    match op.get_context().dialect.name:
        case "postgresql":
            for table, column, width in _ORDERED:
                op.alter_column(table, column, type_=sa.String(width, collation="C"))
        case "mysql" | "mariadb":
            text = mysql.LONGTEXT(charset="utf8mb4", collation=_COLLATION)
            op.alter_column("entries", "text", type_=text, existing_nullable=False)
            op.alter_column("entries", "body", type_=mysql.LONGBLOB(), existing_nullable=False)
    # MySQL, which undoes no step, may have been stopped right after this one.
    if _INDEX not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("entries")}:
        op.create_index(_INDEX, "entries", ["room", "epoch", "at", "seq"])


def downgrade() -> None:
    """Change them back; on MySQL only what fits can be."""
    op.drop_index(_INDEX, "entries")
    match op.get_context().dialect.name:
        case "postgresql":
            for table, column, width in _ORDERED:
                op.alter_column(table, column, type_=sa.String(width, collation="default"))
        case "mysql" | "mariadb":
            text = sa.Text(collation=_COLLATION)
            op.alter_column("entries", "text", type_=text, existing_nullable=False)
            op.alter_column("entries", "body", type_=sa.LargeBinary(), existing_nullable=False)
