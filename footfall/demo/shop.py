"""The shop of docs/examples/shop, served on loopback for the demo with its collector and write key in the pages."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from footfall.settings import ROOT

FOLDER = ROOT / "docs" / "examples" / "shop"
# What the pages say, as docs/tracking-script.md does, in the place of a real collector and write key.
COLLECTOR, WRITE_KEY = "https://collect.example", "WRITE_KEY"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def files() -> dict[str, Path]:
    """The file of each path that is served; a page's path has no .html."""
    found = {}
    for file in FOLDER.rglob("*"):
        if file.suffix in TYPES:
            place = file.relative_to(FOLDER).as_posix()
            found["/" + place.removesuffix(".html").removesuffix("index")] = file
    return found


@contextlib.contextmanager
def serve(collector_url: str, write_key_for: Callable[[list[str]], str]) -> Iterator[str]:
    """Serve the shop on a free port of 127.0.0.1 for as long as the block lasts; gives its address.

    write_key_for is called once, with the origins that its pages have.
    """
    paths, words = files(), dict[str, str]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            file = paths.get(self.path.partition("?")[0])
            if file is None:
                self.send_error(404)
                return
            text = file.read_text()
            if file.suffix == ".html":
                for word, instead in words.items():
                    text = text.replace(word, instead)
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", f"{TYPES[file.suffix]}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-cache")
            self.end_headers()
            with contextlib.suppress(OSError):  # a page that was left does not read its answer
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_address[1]
        origins = [f"http://{host}:{port}" for host in ("127.0.0.1", "localhost")]
        words |= {COLLECTOR: collector_url, WRITE_KEY: write_key_for(origins)}
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            yield origins[0]
        finally:
            server.shutdown()
            thread.join()
