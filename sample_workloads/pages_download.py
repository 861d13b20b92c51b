"""Download sixty pages, one after the other.

Each page takes its server about 40 ms to answer, and the script only waits.

expect: function=fetch bound=io-wait detail=network backend=threads workers=16..64 measured=yes
"""

import atexit
import subprocess
import sys
from urllib.request import urlopen

SERVER = """
import http.server, os, sys, threading, time

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.040)
        body = b"<p>" + self.path.encode() * 2000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

server = Server(("127.0.0.1", 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
os._exit(0)
"""


def start_site():
    """Start the web site in a process of its own; it ends with this one."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(server.terminate)
    return f"http://127.0.0.1:{int(server.stdout.readline())}"


def fetch(url):
    with urlopen(url, timeout=10) as page:
        return len(page.read())


def main():
    site = start_site()
    urls = [f"{site}/page/{number}" for number in range(60)]
    sizes = []
    for url in urls:
        sizes.append(fetch(url))
    print(f"{len(sizes)} pages, {sum(sizes)} bytes")


if __name__ == "__main__":
    main()
