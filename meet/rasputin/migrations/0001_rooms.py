"""Rooms, their lines, what was told, set aside and published."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """All tables of the first version."""

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Outgoing",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("room", models.CharField(max_length=40)),
                ("command", models.TextField()),
                ("nick", models.CharField(max_length=24)),
                ("host_key", models.CharField(blank=True, max_length=100)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("code", models.CharField(blank=True, db_index=True, max_length=24)),
                ("detail", models.TextField(blank=True)),
            ],
            options={
                "verbose_name": "outgoing command",
                "ordering": ("pk",),
            },
        ),
        migrations.CreateModel(
            name="Room",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(db_index=True, max_length=40)),
                ("epoch", models.CharField(max_length=16)),
                ("title", models.CharField(max_length=200)),
                ("opened", models.DateTimeField(db_index=True)),
                ("ends", models.DateTimeField()),
                ("closed", models.DateTimeField(blank=True, null=True)),
                ("because", models.CharField(blank=True, max_length=20)),
                ("limit", models.PositiveIntegerField(default=140)),
                ("lock", models.CharField(blank=True, db_index=True, max_length=64)),
            ],
            options={
                "ordering": ("-opened",),
                "constraints": [models.UniqueConstraint(fields=("name", "epoch"), name="rasputin_one_row_each_log")],
            },
        ),
        migrations.CreateModel(
            name="SetAside",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("room", models.CharField(max_length=40)),
                ("epoch", models.CharField(max_length=16)),
                ("number", models.BigIntegerField()),
                ("body", models.TextField()),
                ("receiver", models.CharField(max_length=200)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("given_up", models.BooleanField(db_index=True, default=False)),
                ("error", models.TextField(blank=True)),
                ("since", models.DateTimeField(auto_now_add=True)),
                ("last", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name": "record set aside",
                "verbose_name_plural": "records set aside",
                "ordering": ("-last",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("room", "epoch", "number", "receiver"), name="rasputin_once_aside_for_each_receiver"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Told",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("room", models.CharField(max_length=40)),
                ("epoch", models.CharField(max_length=16)),
                ("number", models.BigIntegerField()),
                ("mark", models.CharField(max_length=16)),
            ],
            options={
                "verbose_name_plural": "told",
                "constraints": [
                    models.UniqueConstraint(fields=("room", "epoch", "number", "mark"), name="rasputin_each_told_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Line",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("by", models.CharField(db_index=True, max_length=64)),
                ("nick", models.CharField(max_length=24)),
                ("via", models.CharField(max_length=24)),
                ("text", models.TextField()),
                (
                    "room",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="rasputin.room"
                    ),
                ),
            ],
            options={
                "ordering": ("room", "number"),
                "constraints": [
                    models.UniqueConstraint(fields=("room", "number"), name="rasputin_one_line_each_number")
                ],
            },
        ),
    ]
