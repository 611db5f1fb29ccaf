"""What the naming page can ask for: itself, the state, pictures, and the actions.

GET  /                    the page
GET  /api/state?seen=N    the state; only its version when it is still N
GET  /picture/POSITION    a picture
POST /api/act             {"do": "name" | "merge" | "reject" | "split" | "leave out" | "undo" | "redo", …}
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.discovery.naming.progress import Progress
from edgevision.discovery.naming.screens import Screens
from edgevision.discovery.naming.server import Request
from edgevision.discovery.naming.state import State
from edgevision.discovery.naming.store import NamingStore
from edgevision.discovery.naming.thumbnails import Thumbnails
from edgevision_runtime.errors import DataError, UsageError
from edgevision_runtime.pages.page import read_page
from edgevision_runtime.pages.server import Answer, refusal

PAGE = Path(__file__).with_name("page.html")
JSON = "application/json"
PICTURE_HEADERS = {"Cache-Control": "private, max-age=600"}  # a later server on this port has another key
Document = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """What is being named."""

    title: str
    names: tuple[str, ...]  # of the pictures
    next_command: str  # what comes after naming
    things: str = "pictures"  # or regions of pictures


class NamingRoutes:
    """Answers requests about one clusters folder. Any thread may call it."""

    def __init__(self, subject: Subject, store: NamingStore, screens: Screens, thumbnails: Thumbnails) -> None:
        self._subject, self._store, self._screens, self._thumbnails = subject, store, screens, thumbnails
        self._page, self._key = read_page(PAGE), secrets.token_hex(4)
        self._actions: dict[str, Callable[[Document], int | None]] = {
            "name": self._name,
            "merge": self._merge,
            "reject": self._reject,
            "split": self._split,
            "leave out": self._leave_out,
            "undo": lambda asked: _cluster_of(self._store.undo(), self._store.state),
            "redo": lambda asked: _cluster_of(self._store.redo(), self._store.state),
        }
        self._prepare()

    def answer(self, request: Request) -> Answer:
        """See the module."""
        if request.path == "/api/act":
            return self._act(request) if request.method == "POST" else refusal(405)
        if request.method != "GET":
            return refusal(405)
        if request.path == "/":
            headers = {"Content-Security-Policy": self._page.policy}
            return Answer(200, "text/html; charset=utf-8", self._page.html, headers)
        if request.path == "/api/state":
            return self._tell(request.query.get("seen", [""])[-1])
        if request.path.startswith("/picture/"):
            return self._picture(request.path.removeprefix("/picture/"))
        return refusal(404)

    def _tell(self, seen: str) -> Answer:
        try:
            self._store.refresh()
        except (DataError, UsageError) as error:
            return _as_json(409, {"error": str(error)})
        if seen == str(self._store.version):
            return _as_json(200, {"version": self._store.version})
        return _as_json(200, self._document())

    def _picture(self, text: str) -> Answer:
        if not text.isdecimal() or int(text) >= len(self._subject.names):
            return refusal(404)
        try:
            thumbnail = self._thumbnails.get(int(text))
        except DataError as error:
            return refusal(404, str(error))
        return Answer(200, thumbnail.content_type, thumbnail.data, PICTURE_HEADERS)

    def _act(self, request: Request) -> Answer:
        try:
            asked = json.loads(request.body)
            action = self._actions[asked["do"]]
        except (ValueError, KeyError, TypeError):
            return _as_json(400, {"error": "that is no action"})
        try:
            focus = action(asked)
        except (KeyError, TypeError, ValueError):
            return _as_json(400, {"error": "the action is not whole"})
        except DataError as error:
            return _as_json(409, {"error": str(error)})
        except UsageError as error:
            return _as_json(400, {"error": str(error)})
        self._prepare()
        return _as_json(200, {**self._document(), "focus": focus})

    def _name(self, asked: Document) -> int:
        self._store.name([int(asked["cluster"])], str(asked["name"]))
        return int(asked["cluster"])

    def _merge(self, asked: Document) -> int:
        self._store.merge(int(asked["cluster"]), int(asked["with"]))
        return int(asked["cluster"])

    def _reject(self, asked: Document) -> int:
        self._store.reject(int(asked["cluster"]))
        return int(asked["cluster"])

    def _split(self, asked: Document) -> int:
        return self._store.split(int(asked["cluster"]), int(asked["parts"]))[0]

    def _leave_out(self, asked: Document) -> None:
        self._store.leave_out(int(asked["picture"]))

    def _prepare(self) -> None:
        """Have frames of videos decoded before somebody looks at them."""
        screens = self._screens.of(self._store.state)
        self._thumbnails.prepare(one for screen in screens.values() for one in screen.pictures)

    def _document(self) -> Document:
        version, state = self._store.version, self._store.state
        screens = self._screens.of(state)
        shown = sorted({one for screen in screens.values() for one in screen.pictures})
        progress = Progress.of(state, self._subject.things)
        return {
            "version": version,
            "title": self._subject.title,
            "next": self._subject.next_command,
            "key": self._key,
            "clusters": [
                {"id": number, "size": len(state.members[number]), "name": state.names[number], **vars(screens[number])}
                for number in state.by_size
            ],
            "names": [{"name": name, "clusters": count} for name, count in state.used_names.most_common()],
            "files": {one: self._subject.names[one] for one in shown},
            "left_out": sorted(state.left_out),
            "progress": {**vars(progress), "text": progress.in_words},
            "undo": self._store.can_undo,
            "redo": self._store.can_redo,
            "notices": self._store.notices,
        }


def _cluster_of(action: Any, state: State) -> int | None:
    """The cluster that an action was about, as far as it is there now."""
    candidates = [action["cluster"], *action["into"]] if action["do"] == "split" else action.get("clusters", [])
    return next((int(one) for one in candidates if int(one) in state.members), None)


def _as_json(code: int, document: Document) -> Answer:
    return Answer(code, JSON, json.dumps(document, ensure_ascii=False).encode())
