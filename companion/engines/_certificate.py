"""A certificate for one session on loopback: whoever does not show it is not answered."""

from __future__ import annotations

from pathlib import Path

import yaml


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key; the server's and the client's at once."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "companion")])
    now, public = datetime.now(UTC), key.public_key()
    usage = x509.KeyUsage(True, False, False, False, False, True, False, False, False)  # signs, also certificates
    extensions = {
        x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]): False,
        x509.BasicConstraints(ca=True, path_length=0): True,
        usage: True,
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]): False,
        x509.SubjectKeyIdentifier.from_public_key(public): False,
    }
    builder = x509.CertificateBuilder(name, name, public, x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
    for extension, critical in extensions.items():
        builder = builder.add_extension(extension, critical)
    pem, places = serialization.Encoding.PEM, (folder / "certificate.pem", folder / "key.pem")
    places[1].touch(mode=0o600)
    places[0].write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    plain = serialization.NoEncryption()
    places[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return places


def web_config(folder: Path) -> None:
    """``web.yml`` beside the certificate, as Prometheus and Alertmanager read it: TLS, and only for who shows that certificate."""
    tls = {"cert_file": "certificate.pem", "key_file": "key.pem", "client_ca_file": "certificate.pem"}
    settings = {"tls_server_config": {**tls, "client_auth_type": "RequireAndVerifyClientCert"}}
    (folder / "web.yml").write_text(yaml.safe_dump(settings))
