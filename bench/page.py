#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How a page of attention moves in a browser.

    bench/page.py build/heed        of a model with 12 layers of 12 heads, trained for a moment, that reads 1000 characters
    bench/page.py PAGE.html         of a page that heed inspect --picture PAGE.html has written

Headless Chromium
opens the page without a network, zooms and scrolls its map with the wheel, and the page counts its own frames. Printed:
bytes, seconds until a head is shown, milliseconds to open another one, frames (60 a second are wanted, 16.7 ms each), what
drawing a frame costs, and every request that was made: there must be one, for the file itself.

Only Python's own library is used: the browser is driven through its debugging pipe.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time


class Browser:
    """Chromium behind two pipes: messages of JSON, each ended by a zero."""

    def __init__(self, folder):
        program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if program is None:
            sys.exit("there is no Chromium")
        read_there, self.write = os.pipe()
        self.read, write_there = os.pipe()
        line = 'exec "$0" "$@" 3<&%d 4>&%d' % (read_there, write_there)
        self.process = subprocess.Popen(
            ["bash", "-c", line, program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe",
             "--user-data-dir=" + folder, "about:blank"],
            pass_fds=(read_there, write_there), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(read_there)
        os.close(write_there)
        self.rest, self.events, self.number, self.session = b"", [], 0, None
        page = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=1400, height=1100, deviceScaleFactor=1, mobile=False)

    def message(self):
        while b"\0" not in self.rest:
            got = os.read(self.read, 1 << 20)
            if not got:
                sys.exit("the browser has ended")
            self.rest += got
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.number += 1
        sent = {"id": self.number, "method": method, "params": params}
        if self.session:
            sent["sessionId"] = self.session
        os.write(self.write, json.dumps(sent).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.number:
                if "error" in message:
                    sys.exit("%s: %s" % (method, message["error"]["message"]))
                return message["result"]
            self.events.append(message)

    def run(self, script):
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise ValueError(result["exceptionDetails"]["text"])
        return result["result"].get("value")

    def wheel(self, x, y, across, down, zoom=False):
        self.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=across, deltaY=down,
                  modifiers=2 if zoom else 0)


COUNT = """
window.frameTimes = []; window.drawTimes = [];
{
  const draw = map.draw.bind(map);
  map.draw = () => { const t = performance.now(); draw(); drawTimes.push(performance.now() - t); };
  const count = last => requestAnimationFrame(now => { frameTimes.push(now - last); if (!window.enough) count(now); });
  count(performance.now());
}"""
REPORT = """
enough = true;
JSON.stringify([frameTimes, drawTimes].map(list => {
  const t = list.slice(2).sort((a, b) => a - b);
  return [t.length, t[t.length >> 1], t[Math.floor(.95 * t.length)], t[t.length - 1]];
}))"""


def show(browser, page):
    begin = time.time()
    browser.call("Page.navigate", url="file://" + page)
    while True:
        try:
            if browser.run("open !== null && map.images.length > 0"):
                break
        except ValueError:
            pass  # its script has not run yet
        time.sleep(0.02)
    print("%-28s %6.1f MB" % ("page", os.path.getsize(page) / 1e6))
    print("%-28s %6.2f s" % ("until a head is shown", time.time() - begin))
    last = browser.run("facts.heads.length - 1")
    print("%-28s %6.0f ms" % ("to open another head", browser.run(
        "(async () => { const t = performance.now(); await openHead(%d); return performance.now() - t; })()" % last)))


def move(browser):
    box = json.loads(browser.run("JSON.stringify(byId('map').getBoundingClientRect())"))
    x, y = box["x"] + 0.45 * box["width"], box["y"] + 0.7 * box["height"]
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    browser.run(COUNT)
    for _ in range(30):
        browser.wheel(x, y, 0, -60, zoom=True)
    for i in range(60):
        browser.wheel(x, y, 0, 40 if i < 30 else -60)
    for _ in range(40):
        browser.wheel(x, y, -50, 0)
    for _ in range(30):
        browser.wheel(x, y, 0, 60, zoom=True)
    for name, (n, median, most, longest) in zip(("frames, ms", "drawing one, ms"), json.loads(browser.run(REPORT))):
        print("%-28s %6.1f median, %.1f at 95 %%, %.1f at most, of %d" % (name, median, most, longest, n))


def make_model(heed, folder):
    text = os.path.join(folder, "text")
    with open(text, "w") as out:
        for i in range(300):
            out.write("Line %d: the fox and the hen went over the hill to see the %d ships.\n" % (i, i * i % 97))
    model = os.path.join(folder, "model")
    subprocess.run([heed, "train", text, "--n-layers", "12", "--n-heads", "12", "--d-model", "144",
                    "--context-length", "1000", "--batch-size", "1", "--steps", "20", "--quiet", "--out", model],
                   check=True, stdout=subprocess.DEVNULL)
    with open(text) as whole, open(text + "-1000", "w") as out:
        out.write(whole.read(1000))
    return model, text + "-1000"


def make_page(heed, folder):
    model, text = make_model(heed, folder)
    page = os.path.join(folder, "page.html")
    subprocess.run([heed, "inspect", model, "--file", text, "--picture", page], check=True, stdout=subprocess.DEVNULL)
    return page


def main():
    if len(sys.argv) != 2 or not os.path.isfile(sys.argv[1]):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = os.path.abspath(sys.argv[1]) if sys.argv[1].endswith(".html") else make_page(sys.argv[1], folder)
        browser = Browser(os.path.join(folder, "profile"))
        try:
            show(browser, page)
            move(browser)
            asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
            print("%-28s %6d, %s" % ("requests", len(asked), "the page alone" if asked == ["file://" + page] else asked))
        finally:
            browser.process.kill()
            browser.process.wait()
    sys.exit(0 if asked == ["file://" + page] else 1)


if __name__ == "__main__":
    main()
