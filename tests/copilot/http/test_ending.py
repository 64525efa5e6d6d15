"""When the server ends, streams that wait end at once; requests that are read, and answers, go through."""

from __future__ import annotations

import asyncio

from copilot.http.ending import Ending


async def _stream(scope, receive, send):
    """As a page's open stream: one piece, then until its reader leaves."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"alive", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass
    await send({"type": "http.response.body", "body": b""})


async def _upload(scope, receive, send):
    taken = b""
    more = True
    while more:
        message = await receive()
        taken += message["body"]
        more = message.get("more_body", False)
    await send({"type": "http.response.body", "body": taken})


async def run(app, parts, act):
    """Call the middleware around an application; `parts` of the body come as they are put into the queue."""
    begun, sent, coming = asyncio.Event(), [], asyncio.Queue()
    for part in parts:
        coming.put_nowait(part)

    async def send(message):
        sent.append(message.get("body", b""))

    task = asyncio.create_task(Ending(app, begun)({"type": "http"}, coming.get, send))
    await asyncio.sleep(0)
    await act(begun, coming)
    await asyncio.wait_for(task, 30)
    return b"".join(sent)


def part(body=b"", more=False):
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_stream_that_waits_ends_when_the_server_does():
    async def act(begun, coming):
        begun.set()

    assert asyncio.run(run(_stream, [part()], act)) == b"alive"


def test_a_stream_ends_when_its_reader_leaves():
    async def act(begun, coming):
        coming.put_nowait({"type": "http.disconnect"})

    assert asyncio.run(run(_stream, [part()], act)) == b"alive"


def test_an_upload_under_way_is_read_to_its_end():
    async def act(begun, coming):
        begun.set()
        await asyncio.sleep(0)
        coming.put_nowait(part(b"two", more=True))
        coming.put_nowait(part(b"three"))

    assert asyncio.run(run(_upload, [part(b"one", more=True)], act)) == b"onetwothree"
