"""The PyPI package `openai` against a running server: its main calls, streaming included.

    BASE_URL=http://127.0.0.1:8080 MODEL_KEY=sk-… APP_KEY=app-… python tests/clients/openai_client.py

APP_KEY and EMBEDDING_MODEL (an id of GET /v1/models) are optional: what they are needed for is skipped with a line that says so.
"""

import base64
import os
import pathlib

import openai

BASE_URL = os.environ["BASE_URL"].rstrip("/") + "/v1"
MODEL = "local/ashlar-tiny"
PICTURE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "pictures" / "red-circle.png"

client = openai.OpenAI(base_url=BASE_URL, api_key=os.environ["MODEL_KEY"], max_retries=0)
picture = "data:image/png;base64," + base64.b64encode(PICTURE.read_bytes()).decode()
about_picture = [
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": picture}}, {"type": "text", "text": "What color is the circle?"}]}
]


def models():
    ids = [m.id for m in client.models.list()]
    assert MODEL in ids, ids
    assert client.models.retrieve(MODEL).id == MODEL
    assert client.models.retrieve("default").object == "model"


def chat():
    answer = client.chat.completions.create(model=MODEL, messages=about_picture, temperature=0, max_tokens=32)
    assert "red" in answer.choices[0].message.content.lower(), answer
    assert answer.choices[0].finish_reason == "stop", answer
    assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def chat_stream():
    whole = client.chat.completions.create(model=MODEL, messages=about_picture, temperature=0, max_tokens=32)
    stream = client.chat.completions.create(
        model=MODEL, messages=about_picture, temperature=0, max_tokens=32, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content, (text, whole)
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage.model_copy(update={"prompt_tokens_details": chunks[-1].usage.prompt_tokens_details})
    assert all(c.usage is None for c in chunks[:-1])


def several_choices():
    answer = client.chat.completions.create(model=MODEL, messages=about_picture, n=2, seed=7, temperature=0.5, max_tokens=16)
    assert [c.index for c in answer.choices] == [0, 1]
    again = client.chat.completions.create(model=MODEL, messages=about_picture, n=2, seed=7, temperature=0.5, max_tokens=16)
    assert [c.message.content for c in answer.choices] == [c.message.content for c in again.choices], "the seed decides"


def limits():
    short = client.chat.completions.create(model=MODEL, messages=about_picture, max_completion_tokens=1, temperature=0)
    assert short.choices[0].finish_reason == "length" and short.usage.completion_tokens == 1


def logprobs():
    answer = client.chat.completions.create(model=MODEL, messages=about_picture, logprobs=True, top_logprobs=3, max_tokens=4, temperature=0)
    entries = answer.choices[0].logprobs.content
    assert entries and all(len(e.top_logprobs) == 3 and e.logprob <= 0 for e in entries)
    assert entries[0].token == entries[0].top_logprobs[0].token, "greedy takes the likeliest"


def structured():
    schema = {
        "type": "object",
        "properties": {"color": {"type": "string", "enum": ["red", "green", "blue"]}},
        "required": ["color"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=MODEL,
        messages=about_picture,
        temperature=0,
        max_tokens=64,
        response_format={"type": "json_schema", "json_schema": {"name": "color", "schema": schema, "strict": True}},
    )
    import json

    assert json.loads(answer.choices[0].message.content)["color"] in ("red", "green", "blue"), answer


def tools():
    weather = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
    choice = {"type": "function", "function": {"name": "get_weather"}}
    ask = [{"role": "user", "content": "What is the weather in Paris?"}]
    answer = client.chat.completions.create(model=MODEL, messages=ask, tools=[weather], tool_choice=choice, max_tokens=128, temperature=0)
    import json

    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather" and "city" in json.loads(call.function.arguments), answer
    assert answer.choices[0].finish_reason == "tool_calls"
    stream = client.chat.completions.create(
        model=MODEL, messages=ask, tools=[weather], tool_choice=choice, max_tokens=128, temperature=0, stream=True
    )
    deltas = [d for c in stream for d in (c.choices[0].delta.tool_calls or [])]
    assert deltas[0].function.name == "get_weather" and deltas[0].index == 0
    assert "".join(d.function.arguments or "" for d in deltas) == call.function.arguments
    follow_up = ask + [answer.choices[0].message.to_dict(), {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    assert client.chat.completions.create(model=MODEL, messages=follow_up, tools=[weather], max_tokens=32).choices


def completions():
    answer = client.completions.create(model=MODEL, prompt="The color of the", max_tokens=4, temperature=0, echo=True)
    assert answer.object == "text_completion" and answer.choices[0].text.startswith("The color of the")
    both = client.completions.create(model=MODEL, prompt=["a", "b"], max_tokens=2, temperature=0)
    assert [c.index for c in both.choices] == [0, 1]
    pieces = client.completions.create(model=MODEL, prompt="The color of the", max_tokens=4, temperature=0, stream=True)
    assert "The color of the" + "".join(c.choices[0].text for c in pieces) == answer.choices[0].text


def embeddings():
    model = os.environ.get("EMBEDDING_MODEL")
    if not model:
        return "EMBEDDING_MODEL is not set"
    plain = client.embeddings.create(model=model, input=["reset password", "forgotten credential", "weather"], encoding_format="float")
    packed = client.embeddings.create(model=model, input="reset password")  # base64 on the wire
    a, b, c = (d.embedding for d in plain.data)
    dot = lambda x, y: sum(i * j for i, j in zip(x, y))
    assert dot(a, b) > dot(a, c) + 0.2, "near texts have near vectors"
    assert max(abs(x - y) for x, y in zip(a, packed.data[0].embedding)) < 1e-4
    assert plain.usage.total_tokens > 0


def errors():
    def raises(kind, code, param, call):
        try:
            call()
        except kind as error:
            assert (error.code, error.param) == (code, param), (error.code, error.param, error.message)
            return
        raise AssertionError(f"expected {kind.__name__}")

    ask = lambda **kw: client.chat.completions.create(**{"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], **kw})
    stranger = openai.OpenAI(base_url=BASE_URL, api_key="sk-nobody", max_retries=0)
    raises(openai.AuthenticationError, "invalid_api_key", None, lambda: stranger.models.list())
    raises(openai.NotFoundError, "model_not_found", "model", lambda: ask(model="no-such-model"))
    raises(openai.BadRequestError, "invalid_value", "temperature", lambda: ask(temperature=3))
    raises(openai.BadRequestError, "invalid_value", "messages[0].content", lambda: ask(messages=[{"role": "user", "content": 5}]))
    raises(openai.BadRequestError, "invalid_value", "messages[0].role", lambda: ask(messages=[{"role": "wizard", "content": "Hi"}]))
    raises(openai.BadRequestError, "context_length_exceeded", None, lambda: ask(messages=[{"role": "user", "content": "word " * 20000}]))


def app():
    key = os.environ.get("APP_KEY")
    if not key:
        return "APP_KEY is not set"
    of_app = openai.OpenAI(base_url=BASE_URL, api_key=key, max_retries=0)
    assert len(list(of_app.models.list())) == 1
    answer = of_app.chat.completions.create(model="app", messages=[{"role": "user", "content": "Hello"}], max_tokens=32)
    assert answer.choices[0].message.content, answer
    stream = of_app.chat.completions.create(model="app", messages=[{"role": "user", "content": "Hello"}], max_tokens=32, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in stream)


if __name__ == "__main__":
    for check in (models, chat, chat_stream, several_choices, limits, logprobs, structured, tools, completions, embeddings, errors, app):
        skipped = check()
        print(f"{check.__name__}: {'skipped, ' + skipped if skipped else 'ok'}", flush=True)
