"""Canaille (PyPI: canaille) on loopback, with people, a group and a client in memory.

LAB_ORIGIN  where Labgate answers, for the redirect URI       (required)

Prints "issuer <url>" and ends when its standard input does, so that it cannot outlive the test that started it.
"""

import datetime
import os
import socket
import sys
import threading

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

PASSWORD = "correct horse battery staple"


def people():
    ada = models.User(
        user_name="ada",
        display_name="ada",
        formatted_name="Ada Example",
        given_name="Ada",
        family_name="Example",
        emails=["ada@example.test"],
        password=PASSWORD,
    )
    Backend.instance.save(ada)
    Backend.instance.save(models.Group(display_name="lab-users", members=[ada]))


def client(lab):
    client = models.Client(
        client_id="lab",
        client_name="Lab",
        client_secret="lab-secret",
        client_id_issued_at=datetime.datetime.now(datetime.timezone.utc),
        redirect_uris=[f"{lab}/api/auth/oidc/callback"],
        post_logout_redirect_uris=[f"{lab}/signed-out"],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        scope=["openid", "profile", "email", "groups"],
        token_endpoint_auth_method="client_secret_basic",
    )
    Backend.instance.save(client)
    # As Canaille itself does when an administrator adds a client on its pages.
    client.audience = [client]
    Backend.instance.save(client)


def main():
    listening = socket.create_server(("127.0.0.1", 0))
    server_name = f"127.0.0.1:{listening.getsockname()[1]}"
    app = create_app(
        {
            "SECRET_KEY": "only for tests",
            "SERVER_NAME": server_name,
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {"DATABASE": "memory"},
            "CANAILLE_OIDC": {
                "ACTIVE_JWKS": [RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)],
            },
        }
    )
    with app.app_context(), Backend.instance.session():
        people()
        client(os.environ["LAB_ORIGIN"])
    server = make_server(
        "127.0.0.1", 0, app, threaded=True, fd=listening.detach()
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"issuer http://{server_name}", flush=True)
    sys.stdin.read()


main()
