"""The archive begins: rooms, their entries, and what was forgotten."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Make the three tables; also where MySQL, which undoes no step, was stopped half-way."""
    op.create_table(
        "rooms",
        sa.Column("room", sa.String(40), nullable=False),
        sa.Column("epoch", sa.String(16), nullable=False),
        sa.Column("title", sa.String(160), nullable=False),
        sa.Column("opened", sa.String(32), nullable=False),
        sa.Column("ends", sa.String(32), nullable=False),
        sa.Column("closed", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("room", "epoch", name="pk_rooms"),
        if_not_exists=True,
        **_MYSQL,
    )
    op.create_table(
        "entries",
        sa.Column("room", sa.String(40), nullable=False),
        sa.Column("epoch", sa.String(16), nullable=False),
        sa.Column("seq", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("nick", sa.String(64), nullable=False),
        sa.Column("via", sa.String(32), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("room", "epoch", "seq", name="pk_entries"),
        sqlite_with_rowid=False,
        if_not_exists=True,
        **_MYSQL,
    )
    op.create_table(
        "forgotten",
        sa.Column("room", sa.String(40), nullable=False),
        sa.Column("epoch", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("room", "epoch", name="pk_forgotten"),
        if_not_exists=True,
        **_MYSQL,
    )
    if "ix_forgotten_at" not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("forgotten")}:
        op.create_index("ix_forgotten_at", "forgotten", ["at"])


def downgrade() -> None:
    """Take them away with all that they hold."""
    op.drop_table("forgotten")
    op.drop_table("entries")
    op.drop_table("rooms")
