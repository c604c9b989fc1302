"""Fixtures of the copywriter's tests: a full brief, a tiny random language model on disk, a chat server in a thread."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from adcreative.copywriter import Brief


@pytest.fixture
def shoe_brief() -> Brief:
    return Brief(
        brand="Fellrunner",
        product="trail running shoes with a grippy sole",
        tone="bold",
        headline="Trail shoes for wet rock",
        description="A grippy rubber sole and a light mesh upper for muddy hills. Weighs 240 grams.",
    )


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer Llama with random weights and a word tokenizer, saved as transformers saves models."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = ["<eos>", "<unk>", "Ċ", *["Ġmake", "Ġa", "Ġday", "Ġtrail", "Ġrun", "Ġfor", "Ġshoes", "Ġmud", "-", ".", "Ġ?"]]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    folder = tmp_path_factory.mktemp("tiny-model")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", unk_token="<unk>").save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        eos_token_id=0,
        pad_token_id=0,
        bos_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


Answer = tuple[int, dict[str, str], list[bytes]]


@dataclass
class ChatServer:
    """What the server in the thread will answer, in order (the last one again and again), and what it was asked."""

    address: str
    answers: list[Answer] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    before_answer: Callable[[], object] = lambda: None
    before_part: Callable[[int], object] = lambda _number: None  # of a streamed answer
    drip_s: float = 0.0  # between two bytes of an answer

    def says(self, status: int, body: object = b"", **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, [content]))

    def writes(self, content: str) -> None:
        self.says(200, {"choices": [{"message": {"role": "assistant", "content": content}}]})

    def streams(self, *pieces: str | bytes, end: bytes = b"data: [DONE]\n\n") -> None:
        """Answer with one event for each text and the bytes as they are; then the connection ends."""
        parts = [piece if isinstance(piece, bytes) else delta_event(piece) for piece in pieces]
        self.answers.append((200, {"Content-Type": "text/event-stream"}, [*parts, end]))


def delta_event(content: str) -> bytes:
    """Return one server-sent event as OpenAI-compatible servers write it."""
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': content}, 'finish_reason': None}]})}\n\n".encode()


@pytest.fixture
def chat_server() -> Iterator[ChatServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            state.requests.append(json.loads(self.rfile.read(length)))
            state.headers.append(dict(self.headers))
            state.before_answer()
            self._answer(state.answers.pop(0) if len(state.answers) > 1 else state.answers[0])

        def do_GET(self) -> None:
            self._answer((200, {}, [b'{"data": [{"id": "listed-model"}]}']))

        def _answer(self, answer: Answer) -> None:
            status, headers, parts = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if headers.get("Content-Type") != "text/event-stream" and "Transfer-Encoding" not in headers:
                self.send_header("Content-Length", str(sum(map(len, parts))))
            self.end_headers()
            try:
                for number, part in enumerate(parts):
                    state.before_part(number)
                    for piece in [part[i : i + 1] for i in range(len(part))] if state.drip_s else [part]:
                        self.wfile.write(piece)
                        time.sleep(state.drip_s)
            except (BrokenPipeError, ConnectionResetError):  # nobody waits for it any more
                self.close_connection = True

        def log_message(self, *_args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = ChatServer(address=f"http://127.0.0.1:{server.server_address[1]}/v1#test-model")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)
