"""Place orders: charge a payment service, then keep the receipt in a file.

Running a call again would charge a customer again, so that no trial is run and the advice is predicted.

expect: function=place bound=io-wait detail=network backend=threads workers=8..64 measured=no safety=withheld
"""

import atexit
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.request import Request, urlopen

PAYMENTS = """
import http.server, os, sys, threading, time

class Payment(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.045)
        self.send_response(201)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Payment)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
os._exit(0)
"""


def start_payments():
    """Start the payment service in a process of its own; it ends with this one."""
    server = subprocess.Popen([sys.executable, "-c", PAYMENTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(server.terminate)
    return f"http://127.0.0.1:{int(server.stdout.readline())}/charge"


def place(order, payments, folder):
    body = json.dumps(order).encode()
    with urlopen(Request(payments, data=body, method="POST"), timeout=10) as answer:
        status = answer.status
    (folder / f"receipt-{order['number']}.json").write_text(json.dumps({**order, "status": status}))
    return status


def main():
    folder = Path(tempfile.mkdtemp(prefix="orders-"))
    atexit.register(shutil.rmtree, folder)
    payments = start_payments()
    placed = 0
    for number in range(50):
        placed += place({"number": number, "cents": 1999 + number}, payments, folder) == 201
    print(f"{placed} orders placed")


if __name__ == "__main__":
    main()
