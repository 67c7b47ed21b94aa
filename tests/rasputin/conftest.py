"""Django as these tests need it: set up once, with a database in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator

import django
import pytest
from django.test.utils import setup_databases, setup_test_environment, teardown_databases, teardown_test_environment

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.rasputin.settings"
django.setup()


@pytest.fixture(autouse=True, scope="session")
def databases() -> Iterator[None]:
    setup_test_environment()
    made = setup_databases(verbosity=0, interactive=False)
    yield
    teardown_databases(made, verbosity=0)
    teardown_test_environment()
