"""Language models behind an OpenAI-compatible server: vLLM, Ollama, llama.cpp's server, `transformers serve`."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from copilot.errors import CutOffError, GeneratorError, ModelAwayError
from copilot.generate.pump import Emit, Limits, Stop, pumped
from copilot.prompt import Message, estimate_tokens

if TYPE_CHECKING:
    from openai import OpenAI

_KEPT_CHARACTERS = 200  # of a server's own words in our message


class OpenAIModel:
    """One model of one server, by the chat completions interface.

    `base_url` ends in /v1 as a rule. With an empty `model`, the first that the server lists is taken. Rate limits (429),
    errors of the server (5xx) and connections that fail are tried again `retries` times, with growing pauses, until the
    server has begun to answer; `limits` hold over all attempts together. `api_key` is sent as a bearer token.
    """

    def __init__(
        self,
        base_url: str,
        model: str = "",
        *,
        api_key: str | None = None,
        limits: Limits | None = None,
        context_tokens: int = 4096,
        temperature: float = 0.0,
        retries: int = 2,
    ) -> None:
        self._base_url = base_url
        self._model = model
        self._api_key = api_key
        self._limits = limits or Limits()
        self._context_tokens = context_tokens
        self._temperature = temperature
        self._retries = retries

    @property
    def name(self) -> str:
        return f"openai:{self._model}" if self._model else "openai"

    def context_tokens(self) -> int:
        return self._context_tokens

    def count_tokens(self, text: str) -> int:
        return estimate_tokens(text)

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        """See `copilot.protocols.LanguageModel`."""

        def make(emit: Emit, stop: Stop) -> None:
            with self._open() as client, self._explained():
                stop.does(client.close)  # no further attempt
                self._write(client, messages, max_tokens, emit, stop)

        yield from pumped(make, self._limits)

    def check(self) -> str:
        with self._open(retries=0) as client, self._explained():
            served = self._served(client)
        if self._model and self._model not in served:
            listed = ", ".join(served[:8]) or "none"
            raise ModelAwayError(f"{self._base_url} does not serve the model '{self._model}'; it serves: {listed}")
        return f"{self._base_url} answers, model {self._model or served[0]}"

    def _write(self, client: OpenAI, messages: Sequence[Message], max_tokens: int, emit: Emit, stop: Stop) -> None:
        if not self._model:
            self._model = self._served(client)[0]
        stream: Any = client.chat.completions.create(
            model=self._model,
            messages=cast(Any, [{"role": message.role, "content": message.content} for message in messages]),
            max_tokens=max_tokens,
            temperature=self._temperature,
            stream=True,
        )
        stop.does(lambda: _hang_up(stream.response))
        finished: str | None = None
        with contextlib.closing(stream.response):
            for event in stream:
                if stop:
                    return
                for choice in _first_choice(event):
                    if isinstance(choice.delta.content, str):
                        emit(choice.delta.content)
                    finished = choice.finish_reason or finished
        if stop:
            return
        if finished is None:
            raise CutOffError(f"{self._base_url} ended the text before it was finished; look at the server's log")
        if finished == "length":
            raise CutOffError(f"the text was not finished after {max_tokens} tokens; raise llm_max_tokens")

    def _served(self, client: OpenAI) -> list[str]:
        served = [model.id for model in client.models.list().data or []]
        if not served:
            raise ModelAwayError(
                f"{self._base_url} serves no model; start one there, or name it in the setting `model`"
            )
        return served

    @contextlib.contextmanager
    def _open(self, retries: int | None = None) -> Iterator[OpenAI]:
        """A client for one answer; one of its own, so that closing it ends this answer's attempts and no other's."""
        try:
            import openai
        except ImportError as error:
            raise ModelAwayError("the package openai is not installed; run pip install openai") from error
        limits = self._limits
        # A proxy that the environment names for the outside world is not to be asked for a server on this machine.
        http_client = openai.DefaultHttpxClient(trust_env=False) if _is_here(self._base_url) else None
        with openai.OpenAI(
            base_url=self._base_url,
            api_key=self._api_key or "none",
            organization="",
            project="",
            max_retries=self._retries if retries is None else retries,
            timeout=openai.Timeout(limits.whole_s, connect=limits.connect_s),
            http_client=http_client,
        ) as client:
            yield client

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """What the client raises, as an error of ours."""
        import openai

        where = self._base_url
        try:
            yield
        except openai.APITimeoutError as error:
            raise ModelAwayError(f"{where} does not answer in time; is the server running?") from error
        except openai.APIConnectionError as error:
            raise ModelAwayError(
                f"{where} cannot be reached ({_cause(error)}); start the server, or mend base_url"
            ) from error
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise ModelAwayError(f"{where} wants a valid key ({error.status_code}); set COPILOT_API_KEY") from error
        except openai.NotFoundError as error:
            raise ModelAwayError(
                f"{where} does not know the model '{self._model}', or is not the /v1 address: {_words(error)}"
            ) from error
        except openai.APIStatusError as error:
            raise ModelAwayError(f"{where} refuses with status {error.status_code}: {_words(error)}") from error
        except openai.OpenAIError as error:
            raise GeneratorError(f"{where} reports an error: {_words(error)}") from error
        except ValueError as error:  # an event that is no JSON
            raise GeneratorError(
                f"{where} sent what is no event of a chat ({_words(error)}); is it OpenAI-compatible?"
            ) from error


def _first_choice(event: Any) -> list[Any]:
    """The first choice of an event that has a delta; the client does not check what servers leave out."""
    choices = getattr(event, "choices", None)
    if not isinstance(choices, list):
        raise ValueError("an event without choices")
    return [choice for choice in choices[:1] if getattr(choice, "delta", None) is not None]


def _hang_up(response: Any) -> None:
    """Wake the thread that waits for the server, and let the server know: a shut socket does both, a closed one not."""
    with contextlib.suppress(Exception):
        stream = response.extensions["network_stream"]
        stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def _is_here(url: str) -> bool:
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return _words(error) or type(error).__name__


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:_KEPT_CHARACTERS]
