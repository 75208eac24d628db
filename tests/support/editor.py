"""What an editor shows: the real yaml-language-server, spoken to over its standard input and output.

`make editors` installs it into .cache/editors (never into git); where node or that folder are missing,
the tests that need it are skipped by name.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSION = "1.25.0"
"""The last one that runs on Node 20; the Makefile names the same."""
SERVER = ROOT / ".cache/editors/node_modules/yaml-language-server/bin/yaml-language-server"
SECONDS = 60

needs_server = pytest.mark.skipif(
    shutil.which("node") is None or not SERVER.is_file(),
    reason="yaml-language-server is not installed here: make editors",
)


class Editor:
    """One running server, and the files that are open in it."""

    def __init__(self, process: subprocess.Popen[bytes], root: Path) -> None:
        self.process = process
        self.root = root
        self._numbers = itertools.count(1)
        self._answers: dict[int, Any] = {}
        self._told: dict[str, list[dict[str, Any]]] = {}
        self._news = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def complaints(self, path: Path, text: str | None = None) -> list[str]:
        """`line:column: message` of everything that is underlined in the file, from 1."""
        uri = self._open(path, path.read_text(encoding="utf-8") if text is None else text)
        with self._news:
            assert self._news.wait_for(lambda: uri in self._told, SECONDS), f"no word on {path}"
            found = self._told[uri]
        return [
            f"{one['range']['start']['line'] + 1}:{one['range']['start']['character'] + 1}: {one['message']}"
            for one in found
        ]

    def completions(self, path: Path, text: str) -> dict[str, str]:
        """Label -> its documentation, at the `|` in the text."""
        answer = self._at("completion", path, text)
        items = answer["items"] if isinstance(answer, dict) else answer
        return {item["label"]: _plain(item.get("documentation")) for item in items}

    def hover(self, path: Path, text: str) -> str:
        """What is shown when the mouse rests where the `|` is."""
        answer = self._at("hover", path, text)
        return _plain(answer["contents"]) if answer else ""

    def _at(self, what: str, path: Path, text: str) -> Any:
        before, _, after = text.partition("|")
        uri = self._open(path, before + after)
        position = {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}
        return self._ask(
            f"textDocument/{what}", {"textDocument": {"uri": uri}, "position": position}
        )

    def _open(self, path: Path, text: str) -> str:
        """Open it anew, so that what is told is about this text."""
        uri = path.absolute().as_uri()
        with self._news:
            known = self._told.pop(uri, None) is not None
        if known:
            self._tell("textDocument/didClose", {"textDocument": {"uri": uri}})
            self._ask("textDocument/foldingRange", {"textDocument": {"uri": uri}})
            with self._news:
                self._told.pop(uri, None)
        document = {"uri": uri, "languageId": "yaml", "version": next(self._numbers), "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def start(self) -> None:
        """The handshake."""
        capabilities = {
            "textDocument": {
                "completion": {"completionItem": {"documentationFormat": ["markdown"]}},
                "hover": {"contentFormat": ["markdown"]},
                "publishDiagnostics": {},
            },
            "workspace": {"configuration": True},
        }
        self._ask(
            "initialize",
            {"processId": os.getpid(), "rootUri": self.root.as_uri(), "capabilities": capabilities},
        )
        self._tell("initialized", {})

    def _ask(self, method: str, parameters: Any) -> Any:
        number = next(self._numbers)
        self._send({"id": number, "method": method, "params": parameters})
        with self._news:
            assert self._news.wait_for(lambda: number in self._answers, SECONDS), method
            return self._answers.pop(number)

    def _tell(self, method: str, parameters: Any) -> None:
        self._send({"method": method, "params": parameters})

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.process.stdin.flush()

    def _listen(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while header := stream.readline():
            length = int(header.split(b":")[1])
            while stream.readline().strip():
                pass
            self._take(json.loads(stream.read(length)))

    def _take(self, message: dict[str, Any]) -> None:
        if "method" in message and "id" in message:  # the server asks: for settings, mostly
            self._send({"id": message["id"], "result": _settings(message)})
            return
        with self._news:
            if message.get("method") == "textDocument/publishDiagnostics":
                told = message["params"]
                self._told[told["uri"]] = told["diagnostics"]
            elif "id" in message:
                self._answers[message["id"]] = message.get("result")
            self._news.notify_all()


@contextmanager
def editor(root: Path) -> Iterator[Editor]:
    """The server for one project folder: no schema store, no network, nothing but the modelines."""
    command = [str(shutil.which("node")), str(SERVER), "--stdio"]
    offline = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(root), **offline},
    ) as process:
        one = Editor(process, root)
        one.start()
        try:
            yield one
        finally:
            process.terminate()


def _settings(message: dict[str, Any]) -> Any:
    """What VS Code's extension has without any settings of ours, but for the network."""
    if message["method"] != "workspace/configuration":
        return None
    yaml = {
        "validate": True,
        "hover": True,
        "completion": True,
        "schemaStore": {"enable": False},
        "disableDefaultProperties": False,
    }
    return [yaml if item.get("section") == "yaml" else {} for item in message["params"]["items"]]


def _plain(value: Any) -> str:
    return str(value.get("value", "")) if isinstance(value, dict) else str(value or "")
