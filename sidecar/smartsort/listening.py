"""Listening sockets that answer at once."""

from __future__ import annotations

import socket

from smartsort.errors import ConfigurationError


def listen(host: str, port: int) -> socket.socket:
    """Return a listening TCP socket. Port 0 takes a free one.

    Raises ConfigurationError when the address is taken or is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY on what it accepts. Without, each answer that is
    # written in two parts waits 40 ms for the other side's delayed acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError as problem:
        listening.close()
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {problem.strerror}. "
            "Another program has it, or the address is not this machine's: set api.host and api.port."
        ) from problem
    return listening
