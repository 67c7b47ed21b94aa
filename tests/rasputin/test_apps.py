"""The app, and what it brings along."""

from __future__ import annotations

import subprocess
import sys

from django.apps import apps
from django.test import SimpleTestCase


class App(SimpleTestCase):
    def test_it_is_called_meet_in_the_admin(self) -> None:
        config = apps.get_app_config("rasputin")
        assert (config.name, config.verbose_name) == ("meet.rasputin", "Meet")

    def test_nothing_of_twisted_comes_along(self) -> None:
        code = (
            "import os, sys, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.rasputin.settings'; django.setup()\n"
            "import meet.rasputin.worker, meet.rasputin.testing, meet.rasputin.management.commands.rasputin\n"
            "from meet.rasputin.connection import _script; _script('publish')\n"
            "print(', '.join(n for n in sys.modules if n.split('.')[0] in ('twisted', 'zope', 'txredisapi')))"
        )
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "\n", "")
