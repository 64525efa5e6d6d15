"""The two ways to a language model: in this process, and behind a server; a real server among them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import language_models
import pytest
from scripted_server import ScriptedServer, endless, silent

from copilot.errors import CutOffError, GeneratorError, ModelAwayError, ModelSlowError
from copilot.generate.openai import OpenAIModel
from copilot.generate.pump import Limits, pumped
from copilot.generate.transformers import TransformersModel, encoded
from copilot.prompt import Message

SAYS = "The tightening torque of the flange bolts is 85 Nm. [1]"
MESSAGES = (Message("system", "Answer from the passages."), Message("user", "Which torque?"))


@pytest.fixture(scope="session")
def causal(tmp_path_factory) -> Path:
    return language_models.causal_model(tmp_path_factory.mktemp("llm") / "says-torque", SAYS)


@pytest.fixture(scope="session")
def aimless(tmp_path_factory) -> Path:
    """A model with random weights, which never comes to an end."""
    return language_models.causal_model(tmp_path_factory.mktemp("llm") / "random")


@pytest.fixture(scope="session")
def scripted():
    with ScriptedServer().running() as server:
        yield server


@pytest.fixture(scope="session")
def served(causal):
    """The address of `transformers serve` with the small model, in a process of its own."""
    pytest.importorskip("fastapi")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(causal), "--host", "127.0.0.1",
               "--port", str(port), "--device", "cpu"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ}) as process:
        try:
            for _ in range(600):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                        break
                except OSError:
                    assert process.poll() is None, process.stderr.read().decode()[-2000:]
                    time.sleep(0.1)
            else:
                pytest.fail("transformers serve did not start within a minute")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(20)


def text_of(model, **more) -> str:
    return "".join(model.stream(MESSAGES, more.pop("max_tokens", 40), **more)).strip()


# --- In this process ---------------------------------------------------------------------------------------------


def test_a_causal_model_streams_its_text_word_by_word(causal):
    pieces = list(TransformersModel(str(causal)).stream(MESSAGES, 40))
    assert "".join(pieces).strip() == SAYS and len(pieces) > 5


def test_a_sequence_to_sequence_model_does_too(tmp_path):
    model = TransformersModel(str(language_models.seq2seq_model(tmp_path / "t5", SAYS)))
    assert text_of(model) == SAYS
    with pytest.raises(CutOffError):
        text_of(model, max_tokens=5)


def test_a_model_without_a_chat_format_is_given_plain_text(tmp_path):
    assert text_of(TransformersModel(str(language_models.causal_model(tmp_path / "plain", SAYS, chat=False)))) == SAYS


def test_a_template_that_knows_no_system_message_gets_it_with_the_question():
    class Tokenizer:
        chat_template = "some"

        def apply_chat_template(self, chat, **_):
            if chat[0]["role"] == "system":
                raise ValueError("System role not supported")
            return chat

    assert encoded(Tokenizer(), MESSAGES) == [{"role": "user", "content": "Answer from the passages.\n\nWhich torque?"}]


def test_the_token_limit_is_told_apart_from_the_end(causal, aimless):
    model = TransformersModel(str(causal))
    with pytest.raises(CutOffError, match="after 4 tokens; raise llm_max_tokens"):
        text_of(model, max_tokens=4)
    with pytest.raises(CutOffError):
        text_of(TransformersModel(str(aimless)))


def test_closing_the_iterator_stops_the_model(aimless):
    model = TransformersModel(str(aimless))
    steps = []
    model._load().model.register_forward_hook(lambda *_: steps.append(1))
    stream = model.stream(MESSAGES, 3900)
    next(stream)
    stream.close()
    next(model.stream(MESSAGES, 3))  # one text at a time is written: the first is over when this one has begun
    assert len(steps) < 3800


def test_its_tokens_are_counted_by_its_own_tokenizer_and_its_context_is_the_least_that_holds(causal):
    model = TransformersModel(str(causal), context_tokens=1000)
    assert model.count_tokens("The tightening torque") == 3
    assert model.context_tokens() == 1000
    assert TransformersModel(str(causal), context_tokens=10**6).context_tokens() == 4096


def test_a_model_that_is_not_there_is_named_and_nothing_is_fetched(tmp_path):
    for name in (str(tmp_path / "nothing"), "someone/some-model"):
        model = TransformersModel(name)
        with pytest.raises(ModelAwayError, match=name):
            text_of(model)
        with pytest.raises(ModelAwayError, match=name):
            model.check()


def test_pickled_weights_are_refused(tmp_path, causal):
    import shutil

    import torch

    folder = tmp_path / "pickled"
    shutil.copytree(causal, folder)
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ModelAwayError, match="safetensors"):
        text_of(TransformersModel(str(folder)))


# --- A real server -----------------------------------------------------------------------------------------------


def test_a_real_server_streams(served, causal):
    model = OpenAIModel(served, str(causal))
    pieces = list(model.stream(MESSAGES, 40))
    assert "".join(pieces).strip() == SAYS and len(pieces) > 5


def test_a_real_server_says_what_it_serves(served, causal):
    assert OpenAIModel(served).check() == f"{served} answers, model {causal}"
    with pytest.raises(ModelAwayError, match=r"does not serve the model 'other'; it serves: .*says-torque"):
        OpenAIModel(served, "other").check()
    assert text_of(OpenAIModel(served)) == SAYS


def test_a_real_server_that_stops_at_the_limit_is_understood(served, causal):
    with pytest.raises(CutOffError, match="after 4 tokens"):
        text_of(OpenAIModel(served, str(causal)), max_tokens=4)


def test_a_real_server_outlives_a_client_that_leaves(served, causal):
    stream = OpenAIModel(served, str(causal)).stream(MESSAGES, 40)
    next(stream)
    stream.close()
    assert text_of(OpenAIModel(served, str(causal))) == SAYS


# --- A server that misbehaves -------------------------------------------------------------------------------------


def test_what_is_asked_and_the_key_only_from_outside(scripted):
    scripted.says("Fine.")
    model = OpenAIModel(scripted.url, "tiny", api_key="secret", temperature=0.5)
    assert text_of(model) == "Fine."
    (asked,) = scripted.asked
    assert (asked["model"], asked["temperature"], asked["max_tokens"], asked["stream"]) == ("tiny", 0.5, 40, True)
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert scripted.keys == ["Bearer secret"] and "secret" not in repr(vars(model)["_base_url"])


def test_no_key_of_another_service_is_sent(scripted, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-someone-else")
    scripted.says("Fine.")
    text_of(OpenAIModel(scripted.url, "tiny"))
    assert scripted.keys == ["Bearer none"]


def test_a_proxy_is_not_asked_for_a_server_on_this_machine(scripted, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    scripted.says("Fine.")
    assert text_of(OpenAIModel(scripted.url, "tiny", retries=0)) == "Fine."


def test_a_busy_server_is_asked_again(scripted):
    def fine(reply):
        reply.begin()
        reply.say("Fine.")

    scripted.plays(
        lambda r: r.fails(429, "slow down", retry_after_ms="20"),
        lambda r: r.fails(503, "loading", retry_after_ms="20"),
        fine,
    )
    assert text_of(OpenAIModel(scripted.url, "tiny", retries=2)) == "Fine."
    assert len(scripted.asked) == 3


def test_a_server_that_stays_busy_is_given_up(scripted):
    scripted.plays(lambda r: r.fails(429, "slow down", retry_after_ms="20"))
    with pytest.raises(ModelAwayError, match=r"status 429: .*slow down"):
        text_of(OpenAIModel(scripted.url, "tiny", retries=1))
    assert len(scripted.asked) == 2


@pytest.mark.parametrize(
    "status, told",
    [(401, "COPILOT_API_KEY"), (404, "does not know the model 'tiny'"), (400, "status 400"), (500, "status 500")],
)
def test_refusals_say_what_to_do(scripted, status, told):
    scripted.plays(lambda r: r.fails(status, "no"))
    with pytest.raises(ModelAwayError, match=told):
        text_of(OpenAIModel(scripted.url, "tiny", retries=0))


def test_nobody_listening_is_said():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(ModelAwayError, match=r"cannot be reached .*start the server, or mend base_url"):
        text_of(OpenAIModel(url, "tiny", retries=0))


def test_an_error_in_the_middle_comes_after_what_was_said(scripted):
    def script(reply):
        reply.begin()
        reply.say("Half a ", finish=None)
        reply.event({"error": {"message": "out of memory"}})

    scripted.plays(script)
    stream = OpenAIModel(scripted.url, "tiny").stream(MESSAGES, 40)
    assert next(stream) == "Half a "
    with pytest.raises(GeneratorError, match="out of memory"):
        next(stream)
    assert len(scripted.asked) == 1  # what has begun is not begun again


@pytest.mark.parametrize("finish", [None, "length"])
def test_a_text_that_ends_too_soon_is_cut_off(scripted, finish):
    scripted.says("Half a ", finish=finish)
    with pytest.raises(CutOffError):
        text_of(OpenAIModel(scripted.url, "tiny"))


@pytest.mark.parametrize(
    "garbage",
    ["data: {not json\n\n", "data: 7\n\n", 'data: {"choices": "x"}\n\n', "data: [1, 2]\n\n", 'data: {"a": 1}\n\n'],
)
def test_garbage_is_one_error_of_ours(scripted, garbage):
    def script(reply):
        reply.begin()
        reply.raw(garbage)
        reply.say("Fine.")

    scripted.plays(script)
    with pytest.raises(GeneratorError):
        text_of(OpenAIModel(scripted.url, "tiny"))


def test_a_page_of_another_program_is_no_answer(scripted):
    def script(reply):
        reply.begin(kind="text/html")
        reply.raw("<html><body>It works!</body></html>")

    scripted.plays(script)
    with pytest.raises(GeneratorError):
        text_of(OpenAIModel(scripted.url, "tiny"))


def test_events_without_choices_or_words_are_passed_over(scripted):
    def script(reply):
        reply.begin()
        reply.event({"choices": []})
        reply.event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]})
        reply.say("Fine.")

    scripted.plays(script)
    assert text_of(OpenAIModel(scripted.url, "tiny")) == "Fine."


def test_a_slow_first_word_and_a_slow_text_have_limits_of_their_own(scripted):
    scripted.plays(silent)
    with pytest.raises(ModelSlowError, match=r"0\.3 s for the first word; raise llm_first_token_s"):
        text_of(OpenAIModel(scripted.url, "tiny", limits=Limits(1, 0.3, 30)))
    import openai  # noqa: F401  (its first import takes longer than a short limit)

    scripted.plays(endless)
    with pytest.raises(ModelSlowError, match=r"3 s for the whole answer; raise llm_timeout_s"):
        text_of(OpenAIModel(scripted.url, "tiny", limits=Limits(3, 3, 3)))


@pytest.mark.parametrize("script", [endless, silent])
def test_a_server_learns_that_nobody_listens_any_more(scripted, script):
    scripted.plays(script)
    scripted.gone.clear()
    import openai  # noqa: F401  (on a busy machine this alone may take the limit, and nothing would reach the server)

    limits = Limits() if script is endless else Limits(3, 3, 30)
    stream = OpenAIModel(scripted.url, "tiny", limits=limits).stream(MESSAGES, 40)
    if script is endless:
        next(stream)
        stream.close()
    else:
        with pytest.raises(ModelSlowError):
            next(stream)
    assert scripted.gone.wait(20)


def test_whatever_the_other_thread_raises_is_an_error_of_ours():
    def make(emit, stop):
        emit("a")
        raise MemoryError("no room")

    stream = pumped(make, Limits())
    assert next(stream) == "a"
    with pytest.raises(GeneratorError, match="MemoryError: no room"):
        next(stream)
