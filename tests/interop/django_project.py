"""A Django project with django-oauth-toolkit (PyPI) as its OpenID provider, on loopback, in one file.

LAB_ORIGIN  where Labgate answers, for the redirect URI       (required)

Prints "issuer <url>" and ends when its standard input does, so that it cannot outlive the test that started it.
"""

import os
import sys
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.management import call_command
from django.core.servers.basehttp import WSGIRequestHandler
from django.urls import include, path
from django.core.wsgi import get_wsgi_application

PASSWORD = "correct horse battery staple"
LOGIN_PAGE = '<form id="login" method="post">{% csrf_token %}{{ form }}<button>Log in</button></form>'


def configure():
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    settings.configure(
        SECRET_KEY="only for tests",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.db", "OPTIONS": {"timeout": 20}}
        },
        # The tables at once as they are today: the migrations take seconds.
        MIGRATION_MODULES={app: None for app in ("auth", "contenttypes", "sessions", "oauth2_provider")},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [
                        ("django.template.loaders.locmem.Loader", {"registration/login.html": LOGIN_PAGE}),
                        "django.template.loaders.app_directories.Loader",
                    ],
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                    ],
                },
            }
        ],
        LOGIN_URL="/login/",
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": key.decode(),
            "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
            "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Validator",
            "SCOPES": {"openid": "OpenID", "profile": "Profile", "email": "E-mail", "groups": "Groups"},
        },
    )
    django.setup()


configure()

from django.contrib.auth.models import Group, User  # noqa: E402
from django.contrib.auth.views import LoginView  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402
from oauth2_provider.oauth2_validators import OAuth2Validator  # noqa: E402

urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("login/", LoginView.as_view()),
]


class Validator(OAuth2Validator):
    """What the toolkit's documentation has projects do to state more than `sub`."""

    oidc_claim_scope = {
        **OAuth2Validator.oidc_claim_scope,
        "groups": "profile",
    }

    def get_additional_claims(self):
        return {
            "name": lambda request: request.user.get_full_name(),
            "preferred_username": lambda request: request.user.username,
            "email": lambda request: request.user.email,
            "email_verified": lambda request: request.user.username == "ada",
            "groups": lambda request: [group.name for group in request.user.groups.all()],
        }


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 50


def fill(lab):
    call_command("migrate", run_syncdb=True, verbosity=0)
    ada = User.objects.create_user("ada", "ada@example.test", PASSWORD, first_name="Ada", last_name="Example")
    ada.groups.add(Group.objects.create(name="lab-users"))
    User.objects.create_user("bob", "bob@example.test", PASSWORD, first_name="Bob", last_name="Example")
    User.objects.create_user("noone", "", PASSWORD, first_name="No", last_name="Mail")
    Application.objects.create(
        name="Lab",
        client_id="lab",
        client_secret="lab-secret",
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        algorithm=Application.RS256_ALGORITHM,
        redirect_uris=f"{lab}/api/auth/oidc/callback",
        post_logout_redirect_uris=f"{lab}/signed-out",
    )


def main():
    fill(os.environ["LAB_ORIGIN"])
    server = Server(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(get_wsgi_application())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"issuer http://127.0.0.1:{server.server_port}/o", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
