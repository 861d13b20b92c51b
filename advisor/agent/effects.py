"""Side effects: noted inside recorded calls in run 2, refused inside replayed calls in a trial.

Three witnesses, since none sees all: the interpreter's audit events (files, processes), a look at what
Python sockets send (a safe HTTP request is one that only reads), and the kernel's count of bytes written
(native code that never asks the interpreter).
"""

import os
import sys
import threading
import weakref

_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_HARMLESS_PATHS = ("/dev/null", "/dev/tty", "/dev/zero", "/dev/full")
_SAFE_HTTP = (b"GET ", b"HEAD ", b"OPTIONS ")
_SQL_READS = ("SELECT", "PRAGMA", "EXPLAIN", "WITH", "VALUES", "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "--")
_SQL_PREVIEW_CHARS = 60
_AUDITED = {
    "os.remove": "file-delete",
    "os.rmdir": "file-delete",
    "os.rename": "file-delete",
    "shutil.rmtree": "file-delete",
    "shutil.move": "file-delete",
    "os.mkdir": "file-write",
    "os.link": "file-write",
    "os.symlink": "file-write",
    "os.truncate": "file-write",
    "os.chmod": "file-write",
    "os.chown": "file-write",
    "os.utime": "file-write",
    "os.setxattr": "file-write",
    "os.removexattr": "file-write",
    "shutil.copyfile": "file-write",
    "subprocess.Popen": "process",
    "os.system": "process",
    "os.exec": "process",
    "os.posix_spawn": "process",
    "os.startfile": "process",
    "os.kill": "process",
    "os.killpg": "process",
    "smtplib.send": "network",
}


class ReplayRefused(BaseException):
    """A replayed call was about to do something that outlives it. Not an Exception: user code must not swallow it."""


class Effects:
    """The one observer of side effects of this interpreter. Audit hooks cannot be removed, so it is switched instead."""

    def __init__(self):
        self.mode = "off"
        self.local = threading.local()
        self.active = {}
        self.refused = None

    def install(self):
        """Add the audit hook and look over sockets; once a process."""
        self.mode = "note"
        sys.addaudithook(self.audit)
        _watch_sockets(self)

    def enter(self, notes):
        """Charge effects from here on to `notes`, a dict (kind, detail) -> times."""
        stack = self.local.__dict__.setdefault("stack", [])
        stack.append(notes)
        self.active[id(notes)] = notes

    def leave(self):
        """The innermost recorded call of this thread has ended."""
        stack = self.local.stack
        notes = stack.pop()
        if notes not in stack:
            self.active.pop(id(notes), None)

    def effect(self, kind, detail):
        """An effect happens now: note it, or refuse it."""
        if self.mode == "note":
            stack = self.local.__dict__.get("stack")
            # A thread without a recorded call of its own may work for one: charge all that are under way.
            for notes in [stack[-1]] if stack else list(self.active.values()):
                notes[kind, detail] = notes.get((kind, detail), 0) + 1
        elif self.mode == "guard":
            if self.refused is not None:
                self.refused(f"{kind}: {detail}")
            raise ReplayRefused(f"{kind}: {detail}")

    def safe_request(self):
        """A request that only reads was sent."""
        if self.mode == "note":
            stack = self.local.__dict__.get("stack")
            for notes in [stack[-1]] if stack else list(self.active.values()):
                notes["safe", ""] = notes.get(("safe", ""), 0) + 1

    def audit(self, event, args):
        """The audit hook: cheap for everything that is no side effect."""
        if self.mode == "off":
            return
        if event == "open":
            path, _, flags = args
            if flags & _WRITE_FLAGS and not str(path).startswith(_HARMLESS_PATHS):
                self.effect("file-write", f"opens {_shown(path)} for writing")
        elif event == "sqlite3.connect/handle":
            self.watch_sql(args[0])
        elif event in _AUDITED:
            self.effect(_AUDITED[event], f"{event}({_shown(args[0]) if args else ''})")

    def watch_sql(self, connection):
        """Have SQLite tell every statement; whatever does not only read is an effect."""
        try:
            connection.set_trace_callback(self.statement)
        except Exception:  # a Connection subclass of the user's own may not be ready yet
            return

    def statement(self, sql):
        """One SQL statement is about to run."""
        head = sql.lstrip(" \t\r\n(").upper()
        if head and not head.startswith(_SQL_READS):
            self.effect("database", f"runs {' '.join(sql.split())[:_SQL_PREVIEW_CHARS]}")


def _shown(path):
    if isinstance(path, bytes):
        return os.fsdecode(path)
    return str(path)


def _watch_sockets(effects):
    """Look at what Python sockets send, from the first import of `socket` or `ssl` on."""
    import socket

    conversations = weakref.WeakKeyDictionary()

    def sent(sock, data, detail):
        head = bytes(memoryview(data)[:8]) if data else b""
        if head.startswith(_SAFE_HTTP):
            conversations[sock] = True
            effects.safe_request()
        elif not conversations.get(sock) or head.startswith((b"POST", b"PUT ", b"PATCH", b"DELETE")):
            conversations[sock] = False
            effects.effect("network", f"sends {head[:4]!r}... {detail}")

    def wrap(owner, name, pick):
        plain = getattr(owner, name)

        def send(self, *args, **kwargs):
            if effects.mode != "off" and _leaves_the_process(self):
                sent(self, pick(args), _peer(self))
            return plain(self, *args, **kwargs)

        send.__name__, send.__qualname__, send.__doc__ = name, f"{owner.__name__}.{name}", plain.__doc__
        setattr(owner, name, send)

    for name in ("send", "sendall", "sendto"):
        wrap(socket.socket, name, lambda args: args[0] if args else b"")
    wrap(socket.socket, "sendmsg", lambda args: b"".join(args[0]) if args else b"")
    _when_ssl_is_there(lambda ssl: [wrap(ssl.SSLSocket, name, lambda args: args[0] if args else b"") for name in ("send", "write")])


def _when_ssl_is_there(patch):
    """Patch TLS sockets; importing ssl costs 10 ms, so only where it can be imported at all."""
    try:
        import ssl
    except ImportError:
        return
    patch(ssl)


def _leaves_the_process(sock):
    """False for socket pairs, which only wake the process's own loops."""
    try:
        return bool(sock.getpeername())
    except OSError:
        return True


def _peer(sock):
    try:
        return f"to {sock.getpeername()}"
    except OSError:
        return ""


def written_bytes():
    """Bytes this process has passed to write calls so far, by the kernel's count; None where it does not tell.

    What went to standard output and error is taken off: both are plain files in run 2.
    """
    try:
        with open("/proc/self/io", "rb") as file:
            fields = dict(line.split(b": ") for line in file.read().splitlines())
        return int(fields[b"wchar"]) - os.fstat(1).st_size - os.fstat(2).st_size
    except (OSError, KeyError, ValueError):
        return None


def shared_writable_files():
    """Regular files mapped shared and writable: a forked copy that writes there writes into the user's file."""
    files = set()
    try:
        with open("/proc/self/maps") as maps:
            for line in maps:
                fields = line.split(maxsplit=5)
                if len(fields) == 6 and fields[1].startswith("rw") and fields[1].endswith("s"):
                    path = fields[5].strip()
                    if path.startswith("/") and not path.startswith(("/dev/", "/memfd:", "/SYSV")):
                        files.add(path)
    except OSError:
        return []
    return sorted(files)
