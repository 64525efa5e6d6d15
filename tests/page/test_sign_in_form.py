"""The sign-in form as a browser gets it: its language, wrong tries, a session that was over."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from copilot import assemble
from copilot.config import load_settings
from copilot.http.app import make_app
from ui.app import sign_in_texts

PASSWORD = "correct horse"
CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}


@pytest.fixture
def client(tmp_path):
    service = assemble.make_service(load_settings(tmp_path / "home"))
    service.users.add("anna", "operator", PASSWORD)
    app = make_app(service)
    app.state.sign_in_texts = sign_in_texts
    yield TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
    service.close()


def shown(answer):
    page = BeautifulSoup(answer.text, "html.parser")
    complaint = page.select_one("[role=alert]")
    return page.html["lang"], page.h2.text, complaint.text if complaint else ""


def test_the_form_is_in_the_language_that_was_chosen_or_is_preferred(client):
    assert shown(client.get("/login")) == ("en", "Sign in", "")
    assert shown(client.get("/login", headers=CHINESE)) == ("zh", "登录", "")
    client.cookies.set("fc_language", "en")
    assert shown(client.get("/login", headers=CHINESE)) == ("en", "Sign in", "")


def test_a_page_whose_session_was_over_says_so(client):
    assert shown(client.get("/login?ended", headers=CHINESE)) == ("zh", "登录", "登录已失效，请重新登录。")


def test_guessing_is_refused_with_the_time_to_wait(client):
    def tried(password):
        return client.post("/login", data={"name": "<b>anna", "password": password}, headers=CHINESE)

    for _ in range(5):
        wrong = tried("guess")
        assert wrong.status_code == 401 and shown(wrong)[2] == "用户名或密码错误。"
        assert "<b>" not in wrong.text
    late = tried(PASSWORD)
    assert late.status_code == 429 and int(late.headers["Retry-After"]) >= 1
    assert shown(late)[2] == f"尝试次数过多，请在 {late.headers['Retry-After']} 秒后重试。"


def test_without_a_page_the_form_is_english(client):
    del client.app.state.sign_in_texts
    assert shown(client.get("/login?ended", headers=CHINESE)) == (
        "en",
        "Sign in",
        "You were signed out. Sign in again.",
    )
