"""What Python sockets send: a safe HTTP request, which only reads, or a side effect."""

from __future__ import annotations

import functools
import socket
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .values import Value

_SAFE_METHODS = (b"GET ", b"HEAD ", b"OPTIONS ")
_LONGEST_METHOD = max(map(len, _SAFE_METHODS))
_HEADER_END = b"\r\n\r\n"
_DNS_PORT = 53


class _Conversation:
    """What one socket has sent so far."""

    __slots__ = ("in_header", "safe", "tail")

    def __init__(self) -> None:
        self.safe = True
        self.in_header = False
        self.tail = b""

    def accepts(self, data: memoryview) -> bool:
        """True where `data` starts a safe request, or goes on with its header: a body is no safe request any more."""
        if not self.in_header:
            self.safe = self.safe and bytes(data[:_LONGEST_METHOD]).startswith(_SAFE_METHODS)
            self.tail = b""
        if self.safe:
            text = self.tail + bytes(data)
            header_ends = text.find(_HEADER_END)
            self.in_header = header_ends < 0
            self.tail = text[-len(_HEADER_END) + 1 :]
            behind = b"" if self.in_header else text[header_ends + len(_HEADER_END) :]
            self.safe = not behind
        return self.safe


class Listener(Protocol):
    """Who hears of what is sent."""

    def safe_request(self) -> None:
        """A request that only reads is sent."""

    def sends(self, detail: str, *, answers: bool) -> None:
        """Anything else is; `answers` on a connection that the other side opened."""


class Sockets:
    """Watches the sending methods of `socket.socket` and `ssl.SSLSocket`."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.watching = False
        self.accepted: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.conversations: weakref.WeakKeyDictionary[socket.socket, _Conversation] = weakref.WeakKeyDictionary()
        self.safe_ports: set[int] = {_DNS_PORT}

    def install(self) -> None:
        """Replace the sending methods, for good; `watching` switches."""
        for name in ("send", "sendall", "sendto"):
            self.wrap(socket.socket, name, _first)
        self.wrap(socket.socket, "sendmsg", _joined)
        self.wrap(socket.socket, "sendmsg_afalg", _joined)
        self.watch_accepted()
        try:
            import ssl
        except ImportError:  # a Python built without it
            return
        for name in ("send", "write"):
            self.wrap(ssl.SSLSocket, name, _first)

    def watch_accepted(self) -> None:
        """Remember the connections that others open to us."""
        plain = socket.socket.accept

        @functools.wraps(plain)
        def accept(sock: socket.socket) -> tuple[socket.socket, Any]:
            connection, address = plain(sock)
            self.accepted.add(connection)
            return connection, address

        setattr(socket.socket, "accept", accept)  # noqa: B010 - a replacement, not a value of its type

    def wrap(self, owner: type, name: str, pick: Callable[[tuple[Any, ...], dict[str, Any]], memoryview]) -> None:
        """Have `pick(args, kwargs)` of each call seen before it goes out."""
        plain = getattr(owner, name, None)
        if plain is None:
            return

        def send(sock: socket.socket, *args: Value, **kwargs: Value) -> Value:
            if self.watching and _leaves_the_process(sock):
                self.sent(sock, pick(args, kwargs))
            return plain(sock, *args, **kwargs)

        setattr(owner, name, functools.update_wrapper(send, plain))

    def sent(self, sock: socket.socket, data: memoryview) -> None:
        """`data` is about to go out on `sock`."""
        conversation = self.conversations.setdefault(sock, _Conversation())
        starts = not conversation.in_header
        if conversation.accepts(data):
            if starts:
                self.safe_ports.add(_port(sock))
                self.listener.safe_request()
        else:
            self.listener.sends(f"sends {bytes(data[:4])!r}... {_peer(sock)}", answers=sock in self.accepted)

    def safe_fds(self) -> set[int]:
        """Descriptors of open connections that have carried safe requests only."""
        return {sock.fileno() for sock, said in list(self.conversations.items()) if said.safe and sock.fileno() >= 0}


def _first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> memoryview:
    data = args[0] if args else next(iter(kwargs.values()), b"")
    try:
        return memoryview(data).cast("B")
    except TypeError:  # not bytes: the plain method will say so
        return memoryview(b"")


def _joined(args: tuple[Any, ...], _kwargs: dict[str, Any]) -> memoryview:
    try:
        return memoryview(b"".join(bytes(part) for part in args[0])) if args else memoryview(b"")
    except TypeError:
        return memoryview(b"")


def _leaves_the_process(sock: socket.socket) -> bool:
    """False for socket pairs, which only wake the process's own loops."""
    try:
        return bool(sock.getpeername())
    except OSError:
        return True


def _port(sock: socket.socket) -> int:
    try:
        peer = sock.getpeername()
        return int(peer[1]) if isinstance(peer, tuple) else 0
    except OSError:
        return 0


def _peer(sock: socket.socket) -> str:
    try:
        return f"to {sock.getpeername()}"
    except OSError:
        return ""
