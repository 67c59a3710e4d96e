#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A hub of models on 127.0.0.1 that can misbehave.

    hub.py FOLDER     serves FOLDER/models/NAME/FILE at /NAME/resolve/REVISION/FILE; the port is in FOLDER/port

FOLDER/behave says what goes wrong, one line a file, read anew for each request: "FILE WORD [ARGUMENT [TIMES]]".
FILE is * for every file. The words:

    cut N           the connection, after N bytes            status CODE   an answer without the file
    ranges off      answers every range with the whole       redirect URL  leads there; "loop" leads to itself
    longer N        announces N bytes more than come         lfs 1         as large files are served: leads to another
    shorter N       announces N bytes less                                 address, says size and SHA-256 before
    length TEXT     announces TEXT                           corrupt N     byte N is another one; the marks are right
    stall N         sends N bytes and nothing more           encoding WORD claims to be compressed so
    endless 1       bytes without an announced end           page 1        sends an HTML page with 200
    mark WORD       weak or none, in the place of an ETag    slow N        N bytes a second
    lie 1           a range that is not the one asked for    hold N        sends N bytes, the rest once there is a
                                                                           file FOLDER/release

A model with a file .commit says that it is of this commit.
Every request is a line of FOLDER/log: its file, the range asked for, the code, the token, the revision.
"""
import hashlib
import http.server
import os
import sys
import threading
import time

ROOT = sys.argv[1]
counts = {}
lock = threading.Lock()


def behaviour(name):
    """The words for this file: {"cut": "1000"}. A line with TIMES counts for so many requests."""
    words = {}
    try:
        with open(os.path.join(ROOT, "behave"), encoding="ascii") as lines:
            for line in lines:
                parts = line.split()
                if len(parts) < 2 or parts[0] not in (name, "*"):
                    continue
                if len(parts) > 3:
                    with lock:
                        counts[line] = counts.get(line, 0) + 1
                        if counts[line] > int(parts[3]):
                            continue
                words[parts[1]] = parts[2] if len(parts) > 2 else "1"
    except FileNotFoundError:
        pass
    return words


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def note(self, name, code):
        line = "%s %s %s %s %s\n" % (name, self.headers.get("Range", "-"), code,
                                    self.headers.get("Authorization", "-"), self.path.split("/")[-2])
        with lock, open(os.path.join(ROOT, "log"), "a", encoding="ascii") as log:
            log.write(line)

    def answer(self, code, headers, body=b""):
        self.note(self.path.split("/")[-1], code)
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def send_slowly(self, body, per_second):
        for at in range(0, len(body), max(per_second // 20, 1)):
            self.wfile.write(body[at:at + max(per_second // 20, 1)])
            time.sleep(0.05)

    def send_endless(self, name):
        self.note(name, 200)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            self.wfile.write(b"10000\r\n" + 65536 * b" " + b"\r\n")

    def send_file(self, body, do, mark, headers):
        code, first = 200, 0
        headers = dict(headers, **{"ETag": mark, "Accept-Ranges": "bytes"})
        if do.get("mark") == "weak":
            headers["ETag"] = "W/" + mark
        if do.get("mark") == "none":
            del headers["ETag"]
        wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
        if wanted and "ranges" not in do and condition in (None, headers.get("ETag")):
            code, first = 206, int(wanted[len("bytes="):-1])
            if first >= len(body):
                self.answer(416, {"Content-Range": "bytes */%d" % len(body), "Content-Length": "0"})
                return
            first -= 1 if "lie" in do else 0
            headers["Content-Range"] = "bytes %d-%d/%d" % (first, len(body) - 1, len(body))
        if "corrupt" in do:
            at = int(do["corrupt"])
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]
        body = body[first:]
        length = len(body) + int(do.get("longer", 0)) - int(do.get("shorter", 0))
        headers["Content-Length"] = do.get("length", str(length))
        if "encoding" in do:
            headers["Content-Encoding"] = do["encoding"]
        sent = body
        for word in ("cut", "stall"):
            if word in do:
                sent = sent[:int(do[word])]
        if "slow" in do:
            self.answer(code, headers)
            self.send_slowly(sent, int(do["slow"]))
        elif "hold" in do:
            self.answer(code, headers, sent[:int(do["hold"])])
            self.wfile.flush()
            while not os.path.exists(os.path.join(ROOT, "release")):
                time.sleep(0.02)
            self.wfile.write(sent[int(do["hold"]):])
        else:
            self.answer(code, headers, sent)
        if "stall" in do:
            self.wfile.flush()
            time.sleep(20)
        if "stall" in do or "cut" in do or "longer" in do or "length" in do:
            self.close_connection = True

    def do_GET(self):
        parts = self.path.strip("/").split("/")
        name, linked = parts[-1], parts[0] == "linked"
        do = behaviour(name)
        model = "/".join(parts[1 if linked else 0:-3])
        path = os.path.join(ROOT, "models", model, name)
        try:
            if "status" in do:
                headers = {"Content-Length": "6"}
                if do["status"] == "429":
                    headers["Retry-After"] = "1"
                self.answer(int(do["status"]), headers, b"sorry\n")
            elif "redirect" in do:
                target = self.path if do["redirect"] == "loop" else do["redirect"]
                self.answer(302, {"Location": target, "Content-Length": "0"})
            elif "page" in do:
                body = b"<!DOCTYPE html><html>Please log in</html>"
                self.answer(200, {"Content-Length": str(len(body))}, body)
            elif "endless" in do:
                self.send_endless(name)
            elif parts[-3:-2] != ["resolve"] or ".." in parts or not os.path.isfile(path):
                self.answer(404, {"Content-Length": "0"})
            else:
                with open(path, "rb") as file:
                    body = file.read()
                sha256 = '"%s"' % hashlib.sha256(body).hexdigest()
                headers = {}
                commit = os.path.join(ROOT, "models", model, ".commit")
                if os.path.exists(commit):
                    with open(commit, encoding="ascii") as text:
                        headers["X-Repo-Commit"] = text.read().strip()
                if "lfs" in do and not linked:
                    headers.update({"Location": "/linked" + self.path, "Content-Length": "0",
                                    "ETag": '"of the answer"', "X-Linked-ETag": sha256,
                                    "X-Linked-Size": str(len(body))})
                    self.answer(302, headers)
                else:
                    mark = '"%s"' % hashlib.md5(body).hexdigest() if linked else sha256
                    self.send_file(body, do, mark, headers)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Whoever hangs up has his reasons."""


server = Server(("127.0.0.1", 0), Hub)
with open(os.path.join(ROOT, "port.new"), "w", encoding="ascii") as port:
    port.write("%d\n" % server.server_address[1])
os.rename(os.path.join(ROOT, "port.new"), os.path.join(ROOT, "port"))
server.serve_forever()
