"""A server's and a client's side of TLS as it was before 1.2, where the OpenSSL here still has it."""

import ssl
import warnings

from tests.sender.certificates import Pair


def old_server(pair: Pair) -> ssl.SSLContext:
    """A server that speaks TLS 1.1 at most."""
    context = _at_most_1_1(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


def old_client() -> ssl.SSLContext:
    """A client that speaks TLS 1.1 at most and trusts everybody: whom such a server talks to."""
    context = _at_most_1_1(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _at_most_1_1(side: int) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    return context
