"""The key that a gateway under test trusts, and the tokens made with it."""

import base64
import hashlib
import hmac
import json
import time


class Key:
    """An HS256 key of the tests' own: the SDK meets tokens as another service would issue them."""

    def __init__(self, name: str = "end-to-end", secret: str = "not a secret, but 32 bytes or longer") -> None:
        self.name = name
        self.secret = secret

    def token(self, user: str = "alice", *, lifetime: float = 3600, **claims: object) -> str:
        """A token for `user` that ends `lifetime` seconds from now; a negative one makes it expired."""
        header = {"alg": "HS256", "typ": "JWT", "kid": self.name}
        now = time.time()
        body = {"sub": user, "iat": int(now), "exp": int(now + lifetime), **claims}
        signed = f"{_part(header)}.{_part(body)}"
        mac = hmac.new(self.secret.encode(), signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_text(mac)}"


def _part(value: dict) -> str:
    return _text(json.dumps(value).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
