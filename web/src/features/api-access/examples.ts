import type { App } from '@/lib/api/types';
import { type AppConfig, type FormField, fieldRules, fieldsOf, initialInputs, parseConfig } from '@/lib/app-config';
import { acceptedExtensions, fileAt } from '@/lib/files';

export const TASKS = ['stream', 'blocking', 'picture', 'openai'] as const;
export const LANGS = ['curl', 'python', 'javascript'] as const;
export const LANG_NAMES = { curl: 'curl', python: 'Python', javascript: 'JavaScript' } as const;
export type Task = (typeof TASKS)[number];
export type Lang = (typeof LANGS)[number];

interface Context {
  mode: 'chat' | 'completion' | 'workflow';
  /** Without a trailing slash and without /v1. */
  origin: string;
  key: string;
  inputs: Record<string, unknown>;
  question: string;
}

/** The tasks that an app of this mode can be given: an agent with tools is no model, a workflow no partner in conversation. */
export function tasksOf(mode: App['mode']): readonly Task[] {
  if (mode === 'workflow') return ['stream', 'blocking'];
  if (mode === 'agent-chat') return ['stream', 'picture'];
  return TASKS;
}

/** An app's form and features, wherever its mode keeps them. */
export function configOf(app: App): AppConfig {
  if (app.mode !== 'workflow' && app.mode !== 'advanced-chat') return parseConfig(app.draft);
  const { graph, features } = app.draft as {
    graph?: { nodes?: { data?: { type?: string; variables?: { type?: string }[] } }[] };
    features?: Record<string, unknown>;
  };
  const start = graph?.nodes?.find((node) => node.data?.type === 'start');
  const form = (start?.data?.variables ?? []).map((variable) => ({ [variable.type ?? 'text-input']: variable }));
  return parseConfig({ ...features, user_input_form: form });
}

/** What the examples ask with: every required field of the form, filled in. */
export function exampleInputs(config: AppConfig): Record<string, unknown> {
  const fields = fieldsOf(config);
  const initial = initialInputs(fields);
  return Object.fromEntries(
    fields
      .filter((field) => field.required || field.type === 'checkbox')
      .map((field): [string, unknown] => {
        const value = initial[field.variable];
        if (field.type === 'file') return [field.variable, exampleFile(field)];
        if (field.type === 'file-list') return [field.variable, [exampleFile(field)]];
        if (value !== '') return [field.variable, value];
        if (field.type === 'number') return [field.variable, 1];
        if (field.type === 'json_object') return [field.variable, {}];
        return [field.variable, field.type === 'select' ? (field.options?.[0] ?? '') : field.label];
      }),
  );
}

/** A file that a field takes, by its address. */
function exampleFile(field: FormField) {
  const rules = fieldRules(field);
  const extension = acceptedExtensions(rules)[0] ?? 'pdf';
  return fileAt(`https://example.com/file.${extension}`, rules);
}

const shellQuote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const python = (value: unknown) =>
  JSON.stringify(value, null, 1)
    .replace(/\n\s*/g, ' ')
    .replace(/^\{ (.*) \}$/, '{$1}')
    .replace(/: true\b/g, ': True')
    .replace(/: false\b/g, ': False')
    .replace(/: null\b/g, ': None');
const js = (value: unknown) =>
  JSON.stringify(value, null, 1)
    .replace(/\n\s*/g, ' ')
    .replace(/"([A-Za-z_]\w*)": /g, '$1: ');

function curlBody(body: Record<string, unknown>) {
  const lines = Object.entries(body).map(([key, value]) => `    ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  return shellQuote(`{\n${lines.join(',\n')}\n  }`);
}

export function example(task: Task, lang: Lang, c: Context): string {
  if (task === 'openai') return openai(lang, c);
  if (task === 'picture') return picture(lang, c);
  return ask(lang, c, task === 'stream');
}

const ROUTES = { chat: 'chat-messages', completion: 'completion-messages', workflow: 'workflows/run' } as const;
const route = (c: Context) => ROUTES[c.mode];

function ask(lang: Lang, c: Context, streaming: boolean): string {
  const response_mode = streaming ? 'streaming' : 'blocking';
  const body = {
    inputs: c.inputs,
    ...(c.mode === 'chat' ? { query: c.question } : {}),
    response_mode,
    user: 'user-1',
  };
  if (lang === 'curl') {
    return `curl ${streaming ? '-N ' : ''}-X POST ${shellQuote(`${c.origin}/v1/${route(c)}`)} \\
  -H ${shellQuote(`Authorization: Bearer ${c.key}`)} \\
  -H 'Content-Type: application/json' \\
  -d ${curlBody(body)}`;
  }
  if (lang === 'python') {
    const client = { chat: 'ChatClient', completion: 'CompletionClient', workflow: 'WorkflowClient' }[c.mode];
    const call =
      c.mode === 'workflow'
        ? `client.run(
    inputs=${python(c.inputs)},
    response_mode="${response_mode}",
    user="user-1",
)`
        : c.mode === 'chat'
          ? `client.create_chat_message(
    inputs=${python(c.inputs)},
    query=${JSON.stringify(c.question)},
    user="user-1",
    response_mode="${response_mode}",
)`
          : `client.create_completion_message(
    inputs=${python(c.inputs)},
    response_mode="${response_mode}",
    user="user-1",
)`;
    const head = `# pip install dify-client
${streaming ? 'import json\n\n' : ''}from dify_client import ${client}

client = ${client}("${c.key}")
client.base_url = "${c.origin}/v1"

response = ${call}
response.raise_for_status()
`;
    return streaming
      ? `${head}for line in response.iter_lines():
    if line.startswith(b"data: "):
        event = json.loads(line[6:])
${
  c.mode === 'workflow'
    ? `        if event["event"] == "workflow_finished":
            print(event["data"]["outputs"])`
    : `        if event["event"] in ("message", "agent_message"):
            print(event["answer"], end="", flush=True)`
}`
      : `${head}print(response.json()${c.mode === 'workflow' ? '["data"]["outputs"]' : '["answer"]'})`;
  }
  const request = `const response = await fetch("${c.origin}/v1/${route(c)}", {
  method: "POST",
  headers: {
    Authorization: "Bearer ${c.key}",
    "Content-Type": "application/json",
  },
  body: JSON.stringify({
    inputs: ${js(c.inputs)},${c.mode === 'chat' ? `\n    query: ${JSON.stringify(c.question)},` : ''}
    response_mode: "${response_mode}",
    user: "user-1",
  }),
});
`;
  if (!streaming)
    return `${request}console.log((await response.json())${c.mode === 'workflow' ? '.data.outputs' : '.answer'});`;
  return `${request}
let rest = "";
for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + chunk).split("\\n");
  rest = lines.pop();
  for (const line of lines) {
    if (!line.startsWith("data: ")) continue;
    const event = JSON.parse(line.slice(6));
${
  c.mode === 'workflow'
    ? '    if (event.event === "workflow_finished") console.log(event.data.outputs);'
    : '    if (["message", "agent_message"].includes(event.event)) process.stdout.write(event.answer);'
}
  }
}`;
}

function picture(lang: Lang, c: Context): string {
  const question = 'What do you see?';
  const query = c.mode === 'chat' ? { query: question } : {};
  if (lang === 'curl') {
    const body = JSON.stringify({
      inputs: c.inputs,
      ...query,
      response_mode: 'streaming',
      user: 'user-1',
      files: [{ type: 'image', transfer_method: 'local_file', upload_file_id: '%ID%' }],
    });
    return `# 1. upload the picture, keep its id
ID=$(curl -s -X POST ${shellQuote(`${c.origin}/v1/files/upload`)} \\
  -H ${shellQuote(`Authorization: Bearer ${c.key}`)} \\
  -F 'file=@picture.png' -F 'user=user-1' \\
  | sed 's/.*"id":"\\([^"]*\\)".*/\\1/')

# 2. ask about it (the same user)
curl -N -X POST ${shellQuote(`${c.origin}/v1/${route(c)}`)} \\
  -H ${shellQuote(`Authorization: Bearer ${c.key}`)} \\
  -H 'Content-Type: application/json' \\
  -d ${shellQuote(body).replace('%ID%', `'"$ID"'`)}`;
  }
  if (lang === 'python') {
    return `# pip install requests
import json

import requests

API = "${c.origin}/v1"
session = requests.Session()
session.headers["Authorization"] = "Bearer ${c.key}"

with open("picture.png", "rb") as picture:
    upload = session.post(
        f"{API}/files/upload",
        files={"file": ("picture.png", picture, "image/png")},
        data={"user": "user-1"},
    )
upload.raise_for_status()

response = session.post(
    f"{API}/${route(c)}",
    json={
        "inputs": ${python(c.inputs)},${c.mode === 'chat' ? `\n        "query": "${question}",` : ''}
        "response_mode": "streaming",
        "user": "user-1",
        "files": [
            {
                "type": "image",
                "transfer_method": "local_file",
                "upload_file_id": upload.json()["id"],
            }
        ],
    },
    stream=True,
)
for line in response.iter_lines():
    if line.startswith(b"data: "):
        event = json.loads(line[6:])
        if event["event"] == "message":
            print(event["answer"], end="", flush=True)`;
  }
  return `import { openAsBlob } from "node:fs";

const headers = { Authorization: "Bearer ${c.key}" };

const form = new FormData();
form.append("file", await openAsBlob("picture.png", { type: "image/png" }), "picture.png");
form.append("user", "user-1");
const upload = await fetch("${c.origin}/v1/files/upload", { method: "POST", headers, body: form });
const { id } = await upload.json();

const response = await fetch("${c.origin}/v1/${route(c)}", {
  method: "POST",
  headers: { ...headers, "Content-Type": "application/json" },
  body: JSON.stringify({
    inputs: ${js(c.inputs)},${c.mode === 'chat' ? `\n    query: "${question}",` : ''}
    response_mode: "blocking",
    user: "user-1",
    files: [{ type: "image", transfer_method: "local_file", upload_file_id: id }],
  }),
});
console.log((await response.json()).answer);`;
}

function openai(lang: Lang, c: Context): string {
  if (lang === 'curl') {
    const body = { model: 'app', messages: [{ role: 'user', content: c.question }], stream: true };
    return `curl -N -X POST ${shellQuote(`${c.origin}/v1/chat/completions`)} \\
  -H ${shellQuote(`Authorization: Bearer ${c.key}`)} \\
  -H 'Content-Type: application/json' \\
  -d ${curlBody(body)}`;
  }
  if (lang === 'python') {
    return `# pip install openai
import base64

from openai import OpenAI

client = OpenAI(base_url="${c.origin}/v1", api_key="${c.key}")

with open("picture.png", "rb") as picture:
    data = base64.b64encode(picture.read()).decode()

stream = client.chat.completions.create(
    model="app",
    messages=[
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What do you see?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
            ],
        }
    ],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)`;
  }
  return `// npm install openai
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${c.origin}/v1", apiKey: "${c.key}" });

const stream = await client.chat.completions.create({
  model: "app",
  messages: [{ role: "user", content: ${JSON.stringify(c.question)} }],
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}`;
}
