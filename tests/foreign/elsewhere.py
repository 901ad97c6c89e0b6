"""Answers every request with a redirect to a second server, which notes in a file that it was asked: elsewhere.py FILE

Prints the address of the first on one line, then answers until it is ended.
"""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Second(BaseHTTPRequestHandler):
    def do_POST(self):
        with open(sys.argv[1], "a") as asked:
            asked.write("asked\n")
        self.send_response(500)
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *args):
        pass


second = ThreadingHTTPServer(("127.0.0.1", 0), Second)


class First(Second):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(307)
        self.send_header("Location", f"http://127.0.0.1:{second.server_port}/add-checkpoint")
        self.send_header("Content-Length", "0")
        self.end_headers()


first = ThreadingHTTPServer(("127.0.0.1", 0), First)
threading.Thread(target=second.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{first.server_port}", flush=True)
first.serve_forever()
