"""Main calls of PyPI's dify-client against a running server.

Environment: BASE_URL (http://127.0.0.1:8080/v1), CHAT_KEY (a chat app with picture upload on), PICTURE (a PNG),
COMPLETION_KEY (optional: a completion app without required inputs).
"""

import json
import os

from dify_client import ChatClient, CompletionClient

BASE_URL = os.environ["BASE_URL"]
USER = "client-test"


def events(response):
    """As naive clients do: by lines, cutting six characters."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    return [json.loads(line[6:]) for line in response.iter_lines(decode_unicode=True) if line.startswith("data: ")]


def ok(response, status=200):
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    return response.json()


def chat():
    client = ChatClient(os.environ["CHAT_KEY"])
    client.base_url = BASE_URL

    parameters = ok(client.get_application_parameters(USER))
    assert parameters["file_upload"]["enabled"] or parameters["file_upload"]["image"]["enabled"]

    with open(os.environ["PICTURE"], "rb") as picture:
        uploaded = ok(client.file_upload(USER, {"file": ("picture.png", picture, "image/png")}), 201)
    assert uploaded["extension"] == "png" and uploaded["mime_type"] == "image/png"

    files = [{"type": "image", "transfer_method": "local_file", "upload_file_id": uploaded["id"]}]
    seen = events(client.create_chat_message({}, "What is in the picture?", USER, response_mode="streaming", files=files))
    assert [e["event"] for e in seen[-1:]] == ["message_end"] and all(e["event"] == "message" for e in seen[:-1])
    streamed = "".join(e["answer"] for e in seen[:-1])
    assert streamed.strip()
    assert seen[-1]["metadata"]["usage"]["total_tokens"] > 0
    conversation = seen[0]["conversation_id"]

    answer = ok(client.create_chat_message({}, "And now?", USER, conversation_id=conversation))
    assert answer["conversation_id"] == conversation and answer["mode"] == "chat"

    messages = ok(client.get_conversation_messages(USER, conversation))
    assert [m["query"] for m in messages["data"]] == ["What is in the picture?", "And now?"]
    assert messages["data"][0]["answer"] == streamed
    assert messages["data"][0]["message_files"][0]["upload_file_id"] == uploaded["id"]
    older = ok(client.get_conversation_messages(USER, conversation, first_id=answer["message_id"], limit=1))
    assert [m["query"] for m in older["data"]] == ["What is in the picture?"]

    assert ok(client.message_feedback(answer["message_id"], "like", USER)) == {"result": "success"}
    assert ok(client.rename_conversation(conversation, "Pictures", USER))["name"] == "Pictures"
    listed = ok(client.get_conversations(USER, limit=5))
    assert listed["data"][0]["name"] == "Pictures"
    print("chat:", streamed.strip())


def completion():
    key = os.environ.get("COMPLETION_KEY")
    if not key:
        return
    client = CompletionClient(key)
    client.base_url = BASE_URL
    answer = ok(client.create_completion_message({}, "blocking", USER))
    assert answer["mode"] == "completion" and "conversation_id" not in answer
    seen = events(client.create_completion_message({}, "streaming", USER))
    assert seen[-1]["event"] == "message_end" and all("conversation_id" not in e for e in seen)
    print("completion:", answer["answer"].strip())


chat()
completion()
