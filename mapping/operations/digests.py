"""Digests of values, the same as Divolte's."""

import base64
import hashlib
import hmac
from functools import cache
from typing import Final

ALGORITHMS: Final = (
    "md5",
    "sha-1",
    "sha-224",
    "sha-256",
    "sha-384",
    "sha-512",
    "sha-512/224",
    "sha-512/256",
    *(f"sha3-{n}" for n in (224, 256, 384, 512)),
)
_SALT: Final = b"divolte" + bytes.fromhex("b687e2d9aa060372")
_ROUNDS: Final = 100_000


def _python_name(algorithm: str) -> str:
    name = algorithm.lower()
    return name.replace("-", "_") if name.startswith("sha3") else name.replace("sha-", "sha").replace("/", "_")


def check(algorithm: object, seed: object) -> tuple[str, str | None]:
    """Check the arguments of a digest, and derive its key in advance; raises ValueError."""
    if not isinstance(algorithm, str) or algorithm.lower() not in ALGORITHMS:
        raise ValueError(f"not a valid digest: {algorithm!r}; the digests are {', '.join(ALGORITHMS)}")
    if seed is not None and not isinstance(seed, str):
        raise TypeError(f"the seed of a digest must be a constant text, not {seed!r}")
    name = _python_name(algorithm)
    if seed is not None:
        key(name, seed)
    return name, seed


@cache
def key(name: str, seed: str) -> bytes:
    """Derive the key of a seeded digest. It is as short as Divolte's, which confuses bits with bytes, to keep every pseudonym the same."""
    length = hashlib.new(name).digest_size // 8
    return hashlib.pbkdf2_hmac(name, seed.encode(), _SALT, _ROUNDS, length)


def digest(name: str, seed: str | None, *parts: str | bytes | None) -> bytes:
    """Return the digest of all parts in order; an absent part adds nothing."""
    content = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts if part is not None)
    return hashlib.new(name, content).digest() if seed is None else hmac.digest(key(name, seed), content, name)


def to_base64(content: bytes) -> str:
    """Encode bytes as Base64 with padding, in one line."""
    return base64.b64encode(content).decode()
