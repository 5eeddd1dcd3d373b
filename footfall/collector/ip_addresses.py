"""Internet addresses, shortened until many people share one."""

from __future__ import annotations

import socket

MAPPED_IPV4 = bytes(10) + b"\xff\xff"  # RFC 4291, 2.5.5.2


def packed(address: str) -> bytes | None:
    """The 4 or 16 bytes of an address; an IPv4 address in IPv6's clothes is IPv4. None for what is no address."""
    try:
        if ":" not in address:
            return socket.inet_pton(socket.AF_INET, address)
        whole = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])  # without the zone: fe80::1%eth0
    except (OSError, ValueError):
        return None
    return whole[12:] if whole.startswith(MAPPED_IPV4) else whole


def text_of(whole: bytes) -> str:
    """An address as text, from its 4 or 16 bytes."""
    return socket.inet_ntop(socket.AF_INET if len(whole) == 4 else socket.AF_INET6, whole)


def shortened(whole: bytes) -> str:
    """IPv4 to its /24, IPv6 to its /48: the network of a provider's many customers, not a household's."""
    return text_of(whole[:3] + b"\0" if len(whole) == 4 else whole[:6] + bytes(10))


def truncated(address: str) -> str:
    """203.0.113.77 is 203.0.113.0, and 2001:db8:1:2::3 is 2001:db8:1::; empty for what is no address."""
    whole = packed(address)
    return "" if whole is None else shortened(whole)
