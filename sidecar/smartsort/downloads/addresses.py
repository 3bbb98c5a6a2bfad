"""Which URLs and addresses may be fetched. Pure: resolving and connecting is `smartsort.downloads.guard`."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from smartsort.errors import SmartsortError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL = 8192

_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_FORBIDDEN = re.compile(
    r"[\x00-\x20\x7f-\xa0\\\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ud800-\udfff]"
)

_V4_SPECIAL = tuple(
    ipaddress.IPv4Network(n)
    for n in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_V6_GLOBAL = ipaddress.IPv6Network("2000::/3")
"""The only range the public Internet uses. Loopback, link-local, unique local, multicast, mapped IPv4 and
NAT64 all lie outside it."""
_V6_SPECIAL = tuple(
    ipaddress.IPv6Network(n)
    # Teredo and its neighbours. Documentation (twice). 6to4, which carries an IPv4 address.
    for n in ("2001::/23", "2001:db8::/32", "3fff::/20", "2002::/16")
)
_CLOUD_METADATA = frozenset(
    {ipaddress.ip_address(a) for a in ("169.254.169.254", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")}
)


class UrlRefused(SmartsortError):
    """A URL or the address behind it may not be fetched. The message shows neither query nor credentials."""


@dataclass(frozen=True, slots=True)
class AllowList:
    """Private places that may be fetched from all the same, as `api.allow_private_urls` lists them."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[_Network, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[str]) -> AllowList:
        """From host names, addresses and networks."""
        hosts: set[str] = set()
        networks: list[_Network] = []
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                hosts.add(entry.lower().rstrip("."))
        return cls(frozenset(hosts), tuple(networks))

    def permits(self, host: str, address: Address) -> bool:
        """Return True when this address, reached by this name, was allowed by hand."""
        # A mixed comparison (IPv4 address, IPv6 network) is false, so a mapped address needs its own entry.
        return host.lower().rstrip(".") in self.hosts or any(address in n for n in self.networks)


def what_is_private(address: Address) -> str | None:
    """Return why an address is not on the public Internet, in words, None when it is."""
    if address in _CLOUD_METADATA:
        return "a cloud's metadata service"
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return "an address of one network interface"
        inner = address.ipv4_mapped
        if inner is not None:
            return f"another way to write {inner}"
        if address not in _V6_GLOBAL or any(address in n for n in _V6_SPECIAL):
            return _kind(address)
        return None
    return _kind(address) if any(address in n for n in _V4_SPECIAL) else None


def _kind(address: Address) -> str:
    kinds = (
        (address.is_loopback, "this machine itself"),
        (address.is_unspecified, "this machine itself"),
        (address.is_link_local, "a link-local address"),
        (address.is_multicast, "a multicast address"),
        (address.is_private, "a private address"),
    )
    return next((words for is_it, words in kinds if is_it), "a reserved or translated address")


def check_address(host: str, address: Address, allowed: AllowList) -> None:
    """Raises UrlRefused unless the address is public or was allowed by hand."""
    private = what_is_private(address)
    if private is not None and not allowed.permits(host, address):
        where = str(address) if host == str(address) else f"{host} is {address}, which"
        raise UrlRefused(f"{where} is {private}. If it may be fetched from, add it to api.allow_private_urls")


def checked_url(text: str) -> httpx.URL:
    """Return the URL, if its form is one that may be fetched. Its address is checked when it is connected to.

    Raises UrlRefused: no http(s), user name or password, a host that is no plain name or address, an
    address in a disguised notation (`2130706433`, `0x7f.1`, `0177.0.0.1`).
    """
    if len(text) > LONGEST_URL:
        raise UrlRefused(f"the URL is longer than {LONGEST_URL} characters")
    if _FORBIDDEN.search(text):
        raise UrlRefused("the URL holds a space, a backslash or a control character. Encode it")
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() not in ("http", "https"):
        raise UrlRefused("only http:// and https:// URLs are fetched")
    if not rest.startswith("//") or rest.startswith("///"):
        raise UrlRefused("the URL has no host")
    try:
        url = httpx.URL(text)
        other = urlsplit(text)
        other_host, other_port = other.hostname, other.port
    except (httpx.InvalidURL, ValueError) as problem:
        raise UrlRefused("the URL is not well-formed") from problem
    if url.userinfo or "@" in other.netloc:
        raise UrlRefused("the URL holds a user name or password. Hand it in without")
    host = url.raw_host.decode("ascii")
    _check_host(host)
    # Two readers that disagree about the host are how a check is talked past.
    default = {"http": 80, "https": 443}[url.scheme]
    same_host = other_host is not None and (other_host.lower() == host or not other_host.isascii())
    if not same_host or (other_port or default) != (url.port or default):
        raise UrlRefused("the URL's host can be read in more than one way")
    return url


def literal(host: str) -> Address | None:
    """Return the address a host is, None when it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _check_host(host: str) -> None:
    if not host:
        raise UrlRefused("the URL has no host")
    if "%" in host:
        raise UrlRefused("the URL's host names one network interface or is encoded")
    if literal(host) is not None:
        return
    bare = host.removesuffix(".")
    if len(bare) > 253 or not _HOST_NAME.fullmatch(bare):
        raise UrlRefused("the URL's host is neither a plain name nor an address")
    if _NUMBER.fullmatch(bare.rsplit(".", 1)[-1]):
        meant = _disguised(bare)
        raise UrlRefused(
            f"the URL's host is a disguised way to write {meant}. Write the address itself"
            if meant
            else "the URL's host is a number but no address"
        )


def _disguised(host: str) -> ipaddress.IPv4Address | None:
    """Return what a resolver makes of a host of one to four numbers, decimal, octal or hexadecimal."""
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def without_query(url: str) -> str:
    """Return a URL for logs and messages: no query, no fragment, no credentials. Those may be secrets."""
    head = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"//[^/]*@", "//", head)[:300]
