"""TLS of a fake receiver."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tls:
    """What a receiver with TLS shows and asks for; PEM files.

    Attributes:
        certificate: Its certificate, and those between it and the authority.
        key: Its private key.
        client_authority: Who must have signed the client's certificate; None to ask for none.
    """

    certificate: Path
    key: Path
    client_authority: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return the server's side for the stdlib's sockets."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if self.client_authority is not None:
            context.load_verify_locations(self.client_authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def common_name(certificate: Mapping[str, object] | None) -> str | None:
    """Return the common name of a certificate as `ssl.SSLSocket.getpeercert` gives it, or None."""
    subject = (certificate or {}).get("subject", ())
    if not isinstance(subject, tuple):
        return None
    return next((value for names in subject for key, value in names if key == "commonName"), None)
