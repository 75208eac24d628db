"""What goes wrong under HTTP, in our own words: the one place that knows requests' and urllib3's errors."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import Any

import requests
import urllib3

from etlrunner.errors import EtlError, LocalTrouble, Refused, Unreachable
from etlrunner.lib.reply import address_problem


def translate(error: BaseException, place: str) -> EtlError:
    """Our error for anything that requests, urllib3 or the system raise. Their texts are not quoted."""
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, ssl.SSLCertVerificationError):
            return _certificate(one, place)
    for one in chain:
        if isinstance(one, ssl.SSLError) and "LEGACY_RENEGOTIATION" in str(one.reason):
            return Refused(
                f"{place}: the server's TLS is too old: it insists on unsafe legacy renegotiation",
                hint="ask whoever runs the server to update it; etlrunner does not weaken TLS",
            )
    for classes, make in TRANSLATIONS:
        if any(isinstance(one, classes) for one in chain):
            return make(place)
    return Unreachable(f"{place}: the connection failed ({type(error).__name__})")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those it wraps, however the library hangs them together; innermost last."""
    seen: set[int] = set()
    queue: list[Any] = [error]
    while queue:
        one = queue.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        queue += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def _certificate(error: ssl.SSLCertVerificationError, place: str) -> EtlError:
    why = getattr(error, "verify_message", "") or "it could not be verified"
    hint = "a private CA is named with source.ca_file; nothing turns verification off"
    if "expired" in why or "not yet valid" in why:
        hint = "check this machine's clock; else the server needs a new certificate"
    return Refused(f"{place}: the certificate is refused: {why}", hint=hint)


def _unreachable(words: str) -> Callable[[str], EtlError]:
    return lambda place: Unreachable(f"{place}: {words}")


def _address(words: str) -> Callable[[str], EtlError]:
    return lambda place: address_problem(f"{place}: {words}")


_R = requests.exceptions
_U = urllib3.exceptions
TRANSLATIONS: tuple[tuple[tuple[type[BaseException], ...], Callable[[str], EtlError]], ...] = (
    (
        (_R.InvalidURL, _R.MissingSchema, _R.InvalidSchema, _R.URLRequired, _U.LocationValueError,
         _U.LocationParseError, _U.URLSchemeUnknown, UnicodeError),
        _address("this is not an address etlrunner can use"),
    ),
    (
        (_R.InvalidProxyURL, _R.ProxyError, _U.ProxyError, _U.ProxySchemeUnknown,
         _U.ProxySchemeUnsupported),
        _unreachable("a proxy stands in the way; etlrunner uses none"),
    ),
    ((_R.InvalidHeader, _U.InvalidHeader), _unreachable("a header is malformed")),
    (
        (_R.TooManyRedirects,),
        _address("the server redirects, which etlrunner does not follow"),
    ),
    ((FileNotFoundError, PermissionError, IsADirectoryError),
     lambda place: LocalTrouble(f"{place}: a file of this machine cannot be read (ca_file?)")),
    ((_U.NameResolutionError, socket.gaierror), _unreachable("the name cannot be resolved (DNS)")),
    ((ConnectionRefusedError,), _unreachable("nothing listens there (connection refused)")),
    ((_R.ConnectTimeout, _U.ConnectTimeoutError), _unreachable("no connection within the time-out")),
    ((_R.ReadTimeout, _R.Timeout, _U.ReadTimeoutError, _U.TimeoutError, TimeoutError),
     _unreachable("no answer within the time-out")),
    ((_R.SSLError, _U.SSLError, ssl.SSLError),
     _unreachable("the TLS handshake failed (does that port speak HTTPS?)")),
    ((_R.ContentDecodingError, _U.DecodeError), _unreachable("the answer cannot be decompressed")),
    ((_R.ChunkedEncodingError, _U.IncompleteRead, _U.InvalidChunkLength, HTTPException, _U.ProtocolError),
     _unreachable("the connection broke off in the middle of an answer")),
    ((_R.RequestException, _U.HTTPError, OSError), _unreachable("the connection failed")),
)  # fmt: skip
