"""Writes every alert of every notification, with its time of receipt, as a line of JSON to a file."""
import http.server
import json
import sys
import time


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        received = time.time()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open(sys.argv[1], "a", encoding="utf-8") as out:
            for alert in body["alerts"]:
                line = {"received": received, "status": alert["status"], "startsAt": alert["startsAt"]}
                out.write(json.dumps(line | {"labels": alert["labels"]}) + "\n")
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 9099), Receiver).serve_forever()
