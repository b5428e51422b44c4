"""SMART Backend Services (SMART App Launch 2.2): a signed assertion for an access token, kept until it runs out."""

import json
import time
import uuid
from pathlib import Path
from typing import Any

import httpx2 as httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from data.errors import SourceDown

_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_EARLY = 30  # seconds before its end that a token is renewed


class Backend:
    """Gives a valid access token, and a new one after `forget`. Neither key nor token is ever in an error."""

    def __init__(
        self, name: str, client: httpx.Client, base: str, client_id: str, key: Path, token_url: str | None, scope: str
    ) -> None:
        self._name, self._client, self._base = name, client, base
        self._id, self._scope, self._url = client_id, scope, token_url
        self._signing, self._algorithm, self._headers = self._load(key)
        self._token, self._until = "", 0.0

    def token(self) -> str:
        """An access token that is still valid. Raises SourceDown where none is given."""
        if time.monotonic() >= self._until:
            self._ask()
        return self._token

    def forget(self) -> None:
        """The next token is a new one."""
        self._until = 0.0

    def _load(self, path: Path) -> tuple[Any, str, dict[str, str]]:
        try:
            content = path.read_bytes()
            if content.lstrip().startswith(b"{"):
                held = json.loads(content)
                key = jwt.PyJWK(held)
                return key.key, "ES384" if held.get("kty") == "EC" else "RS384", {"kid": str(held.get("kid", ""))}
            pem = load_pem_private_key(content, password=None)
        except (OSError, ValueError, TypeError, jwt.PyJWTError) as error:
            raise SourceDown(
                f"Source {self._name}: {path} is no private key.", "Give a PEM or JWK file without a password."
            ) from error
        return pem, "ES384" if isinstance(pem, EllipticCurvePrivateKey) else "RS384", {}

    def _ask(self) -> None:
        url = self._url or self._discovered()
        now = int(time.time())
        claims = {"iss": self._id, "sub": self._id, "aud": url, "jti": str(uuid.uuid4()), "iat": now, "exp": now + 240}
        form = {
            "grant_type": "client_credentials", "scope": self._scope, "client_assertion_type": _TYPE,
            "client_assertion": jwt.encode(claims, self._signing, self._algorithm, headers=self._headers),
        }  # fmt: skip
        reply = self._client.post(url, data=form)
        try:
            told = reply.json()
            if reply.status_code == 200:
                self._token = str(told["access_token"])
                self._until = time.monotonic() + max(float(told.get("expires_in", 300)) - _EARLY, 1.0)
                return
            problem = str(told.get("error", ""))[:60]
        except (ValueError, KeyError, TypeError, AttributeError):
            problem = ""
        raise SourceDown(
            f"Source {self._name}: no access token was given (status {reply.status_code} {problem}).".replace(
                " )", ")"
            ),
            "Check client_id, key and scope, and that the public key is registered there.",
        )

    def _discovered(self) -> str:
        reply = self._client.get(
            f"{self._base}/.well-known/smart-configuration", headers={"Accept": "application/json"}
        )
        try:
            self._url = str(reply.json()["token_endpoint"])
        except (ValueError, KeyError, TypeError) as error:
            raise SourceDown(
                f"Source {self._name}: {self._base} does not say where tokens are given.", "Set `token_url`."
            ) from error
        return self._url
