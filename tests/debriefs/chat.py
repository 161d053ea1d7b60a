"""A chat: an HTTP receiver on a port of its own that keeps what it is told, with the instant."""
import http.server
import json
import threading
import time

told = []


class Chat(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        told.append((time.time(), json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def listen(folder):
    """Listens from now on; gives the file that has its URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(f"{folder}/chat", "w", encoding="utf-8") as out:
        out.write(f"http://127.0.0.1:{server.server_address[1]}/")
    return out.name
