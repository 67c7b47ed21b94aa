"""Settings, as far as they differ from host to host out of the environment.

===================  ==================================================================
``HALL_SECRET``      a long text that nobody knows
``HALL_BROKER``      the Redis that ``twistd meet --broker`` is given
``HALL_DATABASE``    the file of the site's database, or one of a server: mysql://user@host/name
``HALL_STATIC``      the folder from which nginx serves /meet/static/
``HALL_HOSTS``       the names under which people ask for the site, with commas
===================  ==================================================================
"""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = os.environ.get("HALL_SECRET", "")
ALLOWED_HOSTS = os.environ.get("HALL_HOSTS", "localhost,127.0.0.1").split(",")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "meet.rasputin",
    "archive",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "hall.urls"
WSGI_APPLICATION = "hall.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def database(where):
    """The database at ``where``: a file of SQLite, or one of MariaDB or MySQL by its address."""
    if not where.startswith("mysql://"):
        # A worker and views write side by side.
        options = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA journal_mode=WAL;"}
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": where, "OPTIONS": options}
    import pymysql

    # Django asks for mysqlclient, whose place PyMySQL takes.
    pymysql.install_as_MySQLdb()
    address = urlsplit(where)
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": address.path.lstrip("/"),
        "HOST": address.hostname,
        "PORT": address.port or 3306,
        "USER": unquote(address.username or ""),
        "PASSWORD": unquote(address.password or ""),
        "OPTIONS": {"charset": "utf8mb4"},
        "TEST": {"CHARSET": "utf8mb4"},
    }


DATABASES = {"default": database(os.environ.get("HALL_DATABASE", str(BASE_DIR / "hall.sqlite3")))}
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"

# Names that Meet keeps for itself are never a room's: everything of this site stands under one of them.
STATIC_URL = "/meet/static/"
STATIC_ROOT = os.environ.get("HALL_STATIC", BASE_DIR / "static")
LOGIN_URL = "/meet/sign-in/"
LOGIN_REDIRECT_URL = "/meet/rooms/"
LOGOUT_REDIRECT_URL = "/"
# The site and Meet share a host, so their cookies must not share a name.
SESSION_COOKIE_NAME = "hall"
CSRF_COOKIE_NAME = "hall-csrf"
SESSION_COOKIE_HTTPONLY = True

RASPUTIN = {"BROKER": os.environ.get("HALL_BROKER", "redis://127.0.0.1:6379"), "OBSERVER": "hall", "NICK": "Hall"}

OPEN_ROOMS_EACH = 5
"""Rooms that one host may have open at once."""
