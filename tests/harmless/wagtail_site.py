"""Settings of a Django site with all that Wagtail and Django bring along, for the sake of its migrations."""

import os
from urllib.parse import urlsplit

DJANGO = "admin auth contenttypes sessions messages staticfiles sites redirects flatpages postgres"
WAGTAIL = "embeds sites users snippets documents images search admin locales"
CONTRIBUTED = "forms redirects search_promotions settings routable_page simple_translation styleguide"

INSTALLED_APPS = [
    *(f"wagtail.contrib.{name}" for name in CONTRIBUTED.split()),
    *(f"wagtail.{name}" for name in WAGTAIL.split()),
    "wagtail",
    "modelcluster",
    "taggit",
    *(f"django.contrib.{name}" for name in DJANGO.split()),
]
_dsn = urlsplit(os.environ["APPLICATION_DSN"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _dsn.path.removeprefix("/"),
        "HOST": _dsn.hostname,
        "PORT": _dsn.port,
        "USER": _dsn.username,
    }
}
SECRET_KEY = "of the tests"
SITE_ID = 1
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
WAGTAIL_SITE_NAME = "tests"
WAGTAILADMIN_BASE_URL = "http://127.0.0.1"
STATIC_URL = "/static/"
