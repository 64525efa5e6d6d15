"""Signing in, tokens, roles over HTTP, and guessing passwords."""

from __future__ import annotations

import shutil

import pytest
from starlette.testclient import TestClient

from copilot import assemble
from copilot.config import load_settings
from copilot.http.app import make_app
from copilot.http.guard import COOKIE
from copilot.service.errors import LimitError
from copilot.users import SignInError, Users, UsersError

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def service(plant_home, tmp_path_factory):
    home = tmp_path_factory.mktemp("signin") / "home"
    shutil.copytree(plant_home, home)
    made = assemble.make_service(load_settings(home))
    for role in ("operator", "engineer", "admin"):
        made.users.add(f"{role}1", role, PASSWORD)
    return made


@pytest.fixture(scope="module")
def app(service):
    with TestClient(make_app(service), base_url="http://127.0.0.1"):
        yield service, make_app(service)


@pytest.fixture
def client(app):
    return TestClient(app[1], base_url="http://127.0.0.1", follow_redirects=False)


def bearer(service, name):
    return {"Authorization": f"Bearer {service.users.make_token(name)}"}


def test_without_signing_in_nothing_is_told(client):
    for path in ("/api/documents", "/metrics", "/openapi.json", "/docs", "/v1/models", "/api/faults"):
        assert client.get(path).status_code == 401, path
    assert client.post("/api/ask", json={"question": "x"}).status_code == 401
    assert client.get("/", headers={"Accept": "text/html"}).headers["location"] == "/login"
    assert client.get("/api/health").json() == {"status": "ok"}


def test_a_session_in_a_browser(client):
    assert client.post("/login", data={"name": "operator1", "password": "wrong one"}).status_code == 401
    begun = client.post("/login", data={"name": "operator1", "password": PASSWORD})
    assert begun.status_code == 303
    cookie = begun.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/"))
    assert client.get("/api/machines").status_code == 200
    assert client.post("/logout").status_code == 303
    client.cookies.set(COOKIE, cookie.split(";")[0].split("=", 1)[1])
    assert client.get("/api/machines").status_code == 401


def test_a_forged_request_with_a_session_is_refused(client):
    client.post("/login", data={"name": "admin1", "password": PASSWORD})
    assert client.get("/metrics").status_code == 200
    forged = client.post("/api/documents/index", headers={"Origin": "https://evil.example"})
    assert forged.status_code == 403
    assert client.post("/logout", headers={"Origin": "https://evil.example"}).status_code == 403


def test_a_token_does_what_its_user_may(client, service):
    operator, engineer = bearer(service, "operator1"), bearer(service, "engineer1")
    assert client.get("/api/machines", headers=operator).status_code == 200
    for call in (
        lambda headers: client.get("/api/jobs", headers=headers),
        lambda headers: client.get("/api/feedback", headers=headers),
        lambda headers: client.get("/metrics", headers=headers),
    ):
        assert call(operator).status_code == 403
        assert call(engineer).status_code == 200
    refused = client.post("/api/documents", headers=operator, files=[("files", ("x.md", b"# x"))])
    assert refused.status_code == 403
    assert (
        client.delete("/api/documents", headers=operator, params={"document": "fault_reports.csv"}).status_code == 403
    )
    assert client.get("/api/machines", headers={"Authorization": "Bearer fc_nonsense"}).status_code == 401
    assert all("path" not in one for one in client.get("/api/documents", headers=operator).json()["documents"])


def test_answers_belong_to_those_who_asked(client, service):
    mine, other = bearer(service, "operator1"), bearer(service, "admin1")
    body = {"question": "What does E207 mean?", "conversation": "private-1"}
    answer_id = client.post("/api/ask", json=body, headers=mine).headers["X-Answer-Id"]
    assert client.get("/api/conversations/private-1", headers=mine).status_code == 200
    assert client.get("/api/conversations/private-1", headers=other).status_code == 404
    assert client.post("/api/ask", json=body, headers=other).status_code == 404
    said = {"answer_id": answer_id, "verdict": "up"}
    assert client.post("/api/feedback", json=said, headers=other).status_code == 404


def test_guessing_passwords_is_slowed_down(tmp_path):
    now = [1000.0]
    users = Users(tmp_path / "users.sqlite", lambda: now[0])
    users.add("anna", "operator", PASSWORD)
    for _ in range(5):
        with pytest.raises(SignInError):
            users.sign_in("anna", "guess", "10.0.0.1")
    with pytest.raises(LimitError, match="try again in 1 s"):
        users.sign_in("anna", PASSWORD, "10.0.0.2")  # by name, whatever the address
    with pytest.raises(LimitError):
        users.sign_in("bert", PASSWORD, "10.0.0.1")  # and by address, whatever the name
    now[0] += 1.1
    with pytest.raises(SignInError):
        users.sign_in("anna", "guess", "10.0.0.3")
    with pytest.raises(LimitError, match="try again in 2 s"):
        users.sign_in("anna", PASSWORD, "10.0.0.3")
    now[0] += 2.1
    assert users.of_session(users.sign_in("anna", PASSWORD, "10.0.0.3")).name == "anna"
    now[0] += 13 * 3600
    assert users.of_session("") is None


def test_sessions_and_tokens_end(tmp_path):
    now = [0.0]
    users = Users(tmp_path / "users.sqlite", lambda: now[0])
    users.add("anna", "operator", PASSWORD)
    session, token = users.sign_in("anna", PASSWORD, ""), users.make_token("anna", "bot")
    assert users.of_session(session) and users.of_token(token)
    now[0] = 12 * 3600 + 1
    assert users.of_session(session) is None
    session = users.sign_in("anna", PASSWORD, "")
    users.set_password("anna", "another one")
    assert users.of_session(session) is None
    ((token_id, label),) = users.accounts()[0].tokens
    assert label == "bot"
    users.revoke_token("anna", token_id)
    assert users.of_token(token) is None
    stored = (tmp_path / "users.sqlite").read_bytes()
    assert PASSWORD.encode() not in stored and token.encode() not in stored
    users.remove("anna")
    assert not users.any()


@pytest.mark.parametrize(
    "name, role, password",
    [("", "operator", PASSWORD), ("local", "operator", PASSWORD), ("a b", "operator", PASSWORD), ("a", "king", PASSWORD),
     ("a", "operator", "short"), ("<b>", "operator", PASSWORD)],
)  # fmt: skip
def test_users_of_no_sense_are_refused(tmp_path, name, role, password):
    with pytest.raises(UsersError):
        Users(tmp_path / "users.sqlite").add(name, role, password)
