"""A certificate for SIP over TLS and secure WebSocket, signed by itself.

For trial and closed networks: telephones have to be told to accept it. An operator who has a
certificate of an authority puts it in the same two files, and it is left alone.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

FILES = ("certificate.pem", "private.pem")
OURS = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "12355")])
VALID_FOR = timedelta(days=365 * 5)
RENEWED_BEFORE = timedelta(days=30)


def write_certificate(directory: Path, address: str, now: datetime) -> None:
    """Make `certificate.pem` and `private.pem` in `directory`, unless they are there: somebody
    else's, or ours that doesn't end soon."""
    certificate_file, key_file = (directory / name for name in FILES)
    if certificate_file.exists() and key_file.exists() and not _ours_ends(certificate_file, now):
        return
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(OURS)
        .issuer_name(OURS)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + VALID_FOR)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ip_address(address))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _replace(key_file, private)
    _replace(certificate_file, certificate.public_bytes(serialization.Encoding.PEM))


def _ours_ends(certificate_file: Path, now: datetime) -> bool:
    """Within the time in which it is renewed. What cannot be read isn't ours."""
    try:
        found = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    except ValueError:
        return False
    ours = found.subject == found.issuer == OURS
    return ours and found.not_valid_after_utc - now < RENEWED_BEFORE


def _replace(file: Path, content: bytes) -> None:
    """Whole or not at all, whenever it is read."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
    new.replace(file)
