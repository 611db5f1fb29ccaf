"""Ed25519 signatures over a bundle's manifest, which in turn holds the hash of every other member."""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision_runtime.errors import BundleError, MissingDependency, UsageError
from edgevision_runtime.manifest import MEMBER as MANIFEST
from edgevision_runtime.sha256 import sha256_hex

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MEMBER = "signature.json"
SCHEMA = "edgevision.signature/1"


def check(contents: dict[str, bytes], *, public_key: Path | None, is_required: bool) -> str | None:
    """Check the signature with a key; returns the key's fingerprint, or None when no key was given.

    Raises:
        BundleError: not signed although it must be, or signed by another key, or changed after signing.
        UsageError: the key file is no Ed25519 public key.
    """
    if is_required and public_key is None:
        raise UsageError("a signature is required but no key was given", hint="give --public-key FILE.pem")
    if public_key is None:
        return None
    if MEMBER not in contents:
        raise BundleError(MEMBER, "missing", expected="a signed bundle", hint="sign it: edgevision sign")
    key = load_public_key(public_key)
    key_id, signature = _parse(contents[MEMBER])
    if key_id != fingerprint(key):
        raise BundleError(MEMBER, f"signed by key {key_id[:16]}…", expected=f"key {fingerprint(key)[:16]}…")
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, contents[MANIFEST])
    except InvalidSignature as error:
        raise BundleError(MEMBER, "does not match the manifest", expected="a manifest as it was signed") from error
    return key_id


def sign(manifest: bytes, private_key: Path) -> bytes:
    """The bytes of signature.json for a manifest.

    Raises:
        UsageError: the key file is no unencrypted Ed25519 private key in PEM.
    """
    serialization, ed25519 = _cryptography()
    try:
        key = serialization.load_pem_private_key(private_key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{private_key}: {error}", expected="an Ed25519 private key in PEM") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise UsageError(f"{private_key}: not an Ed25519 key", hint="openssl genpkey -algorithm ed25519 -out key.pem")
    document = {
        "schema": SCHEMA,
        "key": fingerprint(key.public_key()),
        "signature": base64.b64encode(key.sign(manifest)).decode(),
    }
    return (json.dumps(document, sort_keys=True, indent=1) + "\n").encode()


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Read an Ed25519 public key in PEM."""
    serialization, ed25519 = _cryptography()
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}", expected="an Ed25519 public key in PEM") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise UsageError(f"{path}: not an Ed25519 key", hint="openssl pkey -in key.pem -pubout -out key.pub.pem")
    return key  # type: ignore[no-any-return]


def fingerprint(key: Ed25519PublicKey) -> str:
    """sha256 of the raw public key, in hex."""
    return sha256_hex(key.public_bytes_raw())


def _parse(content: bytes) -> tuple[str, bytes]:
    try:
        document = json.loads(content)
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']!r}")
        return str(document["key"]), base64.b64decode(document["signature"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError) as error:
        raise BundleError(MEMBER, f"not a signature ({error})", expected=SCHEMA) from error


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise MissingDependency(
            "signatures need the library cryptography", hint='pip install "edgevision-runtime[sign]"'
        ) from error
    return serialization, ed25519
