"""Run a notebook of the public repository of `kili` on local Kili: `python notebook.py NOTEBOOK ROOT kili|ours`.

Runs in the Python that has the real `kili` and what the notebooks import. ENDPOINT and KEY say where local Kili is. `ours`
puts `kili_query.Kili` in the place of the client. What is fetched from the repository itself is taken from the checkout
(ROOT); pictures and films of others are made here, so that nothing leaves the machine.
"""

from __future__ import annotations

import http.server
import importlib
import json
import os
import re
import runpy
import shutil
import sys
import tempfile
import threading
import time
import types
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

OWN = re.compile(
    r"https://(?:raw\.githubusercontent\.com/kili-technology/kili-python-sdk/main"
    r"|github\.com/kili-technology/kili-python-sdk/blob/main)/([^?]+)"
)
MEDIA = "https://storage.googleapis.com/"


def made(url: str, to: str, root: Path) -> None:
    """What is behind an address, as a file: of the repository, or made here."""
    own, suffix = OWN.match(url), os.path.splitext(urlsplit(url).path)[1]
    if own:
        shutil.copy(root / own[1], to)
    elif suffix in (".jpg", ".jpeg", ".png", ".tiff"):
        importlib.import_module("PIL.Image").new("RGB", (64, 48), "red").save(to)
    elif suffix == ".mp4":
        cv2, np = importlib.import_module("cv2"), importlib.import_module("numpy")
        film = cv2.VideoWriter(to, cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 48))
        for n in range(20):
            film.write(np.full((48, 64, 3), n * 10, "uint8"))
        film.release()
    else:
        raise SystemExit(f"needs the network: {url}")


def media_server(root: Path) -> str:
    """The address of a server of this process that has all pictures."""

    class Media(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with tempfile.TemporaryDirectory() as folder:
                to = os.path.join(folder, os.path.basename(urlsplit(self.path).path))
                made(MEDIA + self.path, to, root)
                body = Path(to).read_bytes()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Media)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def source_of(notebook: Path, public: str, root: Path) -> str:
    """The code of a notebook as a script: magics are left out, shell commands that fetch are done at once."""
    lines: list[str] = []
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        for line in "".join(cell["source"]).splitlines() if cell["cell_type"] == "code" else ():
            fetched = re.match(r"!curl (\S+) --output (\S+)", line)
            if fetched:
                made(fetched[1], fetched[2], root)
            elif line.startswith("!"):
                raise SystemExit(f"needs a shell: {line}")
            elif not line.startswith("%"):
                lines.append(line if "urlretrieve" in line else line.replace(MEDIA, public))
    return "\n".join(lines)


def main() -> None:
    """Run it; an exception of the notebook is that of the process."""
    notebook, root, client = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    os.environ |= {"KILI_API_ENDPOINT": os.environ["ENDPOINT"], "KILI_API_KEY": os.environ["KEY"], "MPLBACKEND": "agg"}
    sleep = time.sleep
    clock: Any = time
    clock.sleep = lambda seconds: sleep(0.01 if seconds >= 10 else seconds)  # local Kili is done at once

    def retrieve(url: str, filename: str | None = None, **_: Any) -> tuple[str, None]:
        to = filename or os.path.basename(urlsplit(url).path)
        made(url, to, root)
        return to, None

    urllib.request.urlretrieve = retrieve  # type: ignore[assignment]
    wget: Any = types.ModuleType("wget")
    wget.download = lambda url, out=None: retrieve(url, out)[0]
    sys.modules["wget"] = wget
    if client == "ours":
        import kili_query

        importlib.import_module("kili.client").__dict__["Kili"] = kili_query.Kili
    script = Path("notebook_as_a_script.py")
    script.write_text(source_of(notebook, media_server(root), root), "utf-8")
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
