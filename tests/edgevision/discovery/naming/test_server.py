"""The naming page is for one person on this machine, and every action is saved before it is answered."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.discovery.naming.server import PageServer


class Client:
    """A browser as far as HTTP goes: it traded the token for a cookie."""

    def __init__(self, url: str) -> None:
        self.place, self.token = urlsplit(url).netloc, urlsplit(url).query.partition("=")[2]
        self.cookie = self.ask("GET", f"/?token={self.token}").headers["Set-Cookie"].partition(";")[0]

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        own = {"Cookie": getattr(self, "cookie", "")}
        if method == "POST":
            own |= {"Origin": f"http://{self.place}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(self.place, timeout=30)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, None if body is None else json.dumps(body), own | given)
        answer = connection.getresponse()
        answer.content = answer.read()  # type: ignore[attr-defined]
        connection.close()
        return answer

    def act(self, **action: Any) -> tuple[int, Any]:
        answer = self.ask("POST", "/api/act", action)
        return answer.status, json.loads(answer.content)

    def state(self, seen: object = "") -> Any:
        return json.loads(self.ask("GET", f"/api/state?seen={seen}").content)


@pytest.fixture
def client(server: PageServer) -> Client:
    return Client(server.url)


def test_whoever_has_no_cookie_or_a_wrong_token_gets_nothing(client: Client) -> None:
    for path in ("/", "/api/state", "/picture/0", "/?token=guess"):
        assert client.ask("GET", path, Cookie="").status == 401
    assert client.ask("POST", "/api/act", {"do": "undo"}, Cookie="edgevision_label=x").status == 401


def test_the_token_is_traded_for_a_cookie_that_scripts_and_other_sites_cannot_use(client: Client) -> None:
    answer = client.ask("GET", f"/?token={client.token}", Cookie="")

    assert (answer.status, answer.headers["Location"]) == (303, "./")
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert "SameSite=Strict" in answer.headers["Set-Cookie"]
    assert client.token not in answer.headers["Set-Cookie"]


def test_a_name_of_another_site_that_points_here_is_refused_and_a_forwarded_port_is_not(client: Client) -> None:
    assert client.ask("GET", "/", Host="evil.example:80").status == 421
    assert client.ask("GET", "/", Host="localhost:9999").status == 200


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": ""}, {"Content_Type": "text/plain"}],
    ids=["another site", "nobody", "a form"],
)
def test_only_the_page_itself_may_change_something(
    client: Client, named: NamedClusters, headers: dict[str, str]
) -> None:
    action = {"do": "name", "cluster": 0, "name": "cat"}

    assert client.ask("POST", "/api/act", action, **headers).status == 403
    assert named.state.names[0] == ""


def test_the_page_runs_only_what_stands_in_it(client: Client) -> None:
    answer = client.ask("GET", "/")

    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert b"http://" not in answer.content
    assert b"https://" not in answer.content


def test_too_much_and_too_strange_is_refused(client: Client) -> None:
    assert client.ask("POST", "/api/act", {"do": "x" * 100_000}).status == 413
    assert client.ask("PUT", "/api/act", {"do": "undo"}).status == 501
    assert client.ask("GET", "/elsewhere").status == 404
    assert client.act(do="sing")[0] == 400
    assert client.act(do="name")[0] == 400


def test_a_name_is_on_the_disk_when_it_is_answered(client: Client, named: NamedClusters) -> None:
    code, answer = client.act(do="name", cluster=3, name="seven")

    assert code == 200
    assert [row["name"] for row in answer["clusters"] if row["id"] == 3] == ["seven"]
    assert answer["progress"]["text"].startswith("1 of 12 named, ")
    assert ",seven\n" in named.store.names_path.read_text()


def test_merge_reject_split_leave_out_undo_and_redo_do_what_they_say(client: Client, named: NamedClusters) -> None:
    client.act(do="name", cluster=0, name="cat")
    client.act(do="merge", **{"cluster": 1, "with": 0})
    client.act(do="reject", cluster=2)
    _, split = client.act(do="split", cluster=3, parts=2)
    client.act(do="leave out", picture=7)

    assert named.state.names[1] == "cat"
    assert named.state.names[2] == "-"
    assert split["focus"] == 12
    assert named.state.left_out == {7}
    client.act(do="undo")
    code, undone = client.act(do="undo")
    assert (code, undone["focus"]) == (200, 3)
    assert client.act(do="redo")[1]["focus"] == 12


def test_what_cannot_be_done_is_answered_in_words(client: Client) -> None:
    assert client.act(do="name", cluster=0, name="a/b")[1]["error"].startswith("'a/b' cannot be a name")
    assert client.act(do="split", cluster=99, parts=2) == (400, {"error": "there is no cluster 99"})
    assert client.act(do="undo") == (400, {"error": "nothing to undo"})


def test_a_state_that_was_seen_is_not_sent_again(client: Client) -> None:
    version = client.state()["version"]

    assert client.state(seen=version) == {"version": version}
    client.act(do="name", cluster=0, name="cat")
    assert client.state(seen=version)["version"] != version


def test_a_hand_in_names_csv_shows_on_the_page_and_a_broken_one_is_told(client: Client, named: NamedClusters) -> None:
    head, first, *rest = named.store.names_path.read_text().splitlines()
    named.store.names_path.write_text("\n".join([head, f"{first}cat", *rest]) + "\n")

    state = client.state()

    assert state["notices"] == ["names.csv was edited by hand: a name taken over"]
    named.store.names_path.write_text("cluster,size,name\n0,1,a/b\n")
    answer = client.ask("GET", "/api/state")
    assert answer.status == 409
    assert "line 2" in json.loads(answer.content)["error"]


def test_pictures_come_as_they_are(client: Client, named: NamedClusters) -> None:
    answer = client.ask("GET", "/picture/5")

    image = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    frames = named.folder.frames()
    assert answer.headers["Content-Type"] == "image/png"
    assert np.array_equal(image, frames.read(frames.items[5]))
    assert client.ask("GET", "/picture/300").status == 404
    assert client.ask("GET", "/picture/x").status == 404
