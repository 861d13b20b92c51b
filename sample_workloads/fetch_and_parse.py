"""Fetch pages and parse each one: waiting and pure Python in one call.

expect: function=links_of bound=mixed detail=network|python backend=processes|hybrid workers=2..32 measured=yes
"""

import atexit
import subprocess
import sys
from html.parser import HTMLParser
from urllib.request import urlopen

SERVER = """
import http.server, os, sys, threading, time

BODY = "".join(f"<p class='c{n}'>word <a href='/p/{n}'>link {n}</a> &amp; more</p>" for n in range(650)).encode()

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.020)
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

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


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = set()

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.found.update(value for name, value in attrs if name == "href")


def start_site():
    """Start the web site in a process of its own; it ends with this one."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(server.terminate)
    return f"http://127.0.0.1:{int(server.stdout.readline())}"


def links_of(url):
    with urlopen(url, timeout=10) as page:
        text = page.read().decode()
    parser = Links()
    parser.feed(text)
    return len(parser.found)


def main():
    site = start_site()
    links = 0
    for number in range(70):
        links += links_of(f"{site}/page/{number}")
    print(f"{links} links")


if __name__ == "__main__":
    main()
