// The npm package `openai` against a running server: its main calls, streaming included.
//
//   BASE_URL=http://127.0.0.1:8080 MODEL_KEY=sk-… APP_KEY=app-… node tests/clients/openai_client.mjs
//
// APP_KEY and EMBEDDING_MODEL are optional: what they are needed for is skipped with a line that says so.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const baseURL = `${process.env.BASE_URL.replace(/\/$/, "")}/v1`;
const client = new OpenAI({ baseURL, apiKey: process.env.MODEL_KEY, maxRetries: 0 });
const model = "local/ashlar-tiny";
const picture = readFileSync(new URL("../../docs/pictures/red-circle.png", import.meta.url)).toString("base64");
const messages = [
  {
    role: "user",
    content: [
      { type: "image_url", image_url: { url: `data:image/png;base64,${picture}` } },
      { type: "text", text: "What color is the circle?" },
    ],
  },
];

const checks = {
  async models() {
    const ids = (await client.models.list()).data.map((m) => m.id);
    assert(ids.includes(model), ids.join());
    assert.equal((await client.models.retrieve(model)).id, model);
  },
  async chat() {
    const answer = await client.chat.completions.create({ model, messages, temperature: 0, max_tokens: 32 });
    assert.match(answer.choices[0].message.content.toLowerCase(), /red/);
    const stream = await client.chat.completions.create({
      model,
      messages,
      temperature: 0,
      max_tokens: 32,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, answer.choices[0].message.content);
    assert.equal(usage.completion_tokens, answer.usage.completion_tokens);
  },
  async leaving() {
    const stream = await client.chat.completions.create({ model, messages, max_tokens: 400, stream: true });
    for await (const _ of stream) break;
  },
  async structured() {
    const schema = { type: "object", properties: { color: { enum: ["red", "green", "blue"] } }, required: ["color"], additionalProperties: false };
    const answer = await client.chat.completions.create({
      model,
      messages,
      temperature: 0,
      max_tokens: 64,
      response_format: { type: "json_schema", json_schema: { name: "color", schema, strict: true } },
    });
    assert(["red", "green", "blue"].includes(JSON.parse(answer.choices[0].message.content).color));
  },
  async tools() {
    const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
    const answer = await client.chat.completions.create({
      model,
      messages: [{ role: "user", content: "What is the weather in Paris?" }],
      tools: [{ type: "function", function: { name: "get_weather", parameters } }],
      tool_choice: "required",
      max_tokens: 128,
      temperature: 0,
    });
    const [call] = answer.choices[0].message.tool_calls;
    assert.equal(call.function.name, "get_weather");
    assert("city" in JSON.parse(call.function.arguments));
  },
  async embeddings() {
    if (!process.env.EMBEDDING_MODEL) return "EMBEDDING_MODEL is not set";
    const { data } = await client.embeddings.create({ model: process.env.EMBEDDING_MODEL, input: ["a", "b"] });
    assert.equal(data.length, 2);
    assert(Math.abs(data[0].embedding.reduce((sum, v) => sum + v * v, 0) - 1) < 1e-3, "vectors have length one");
  },
  async errors() {
    const failing = (body) => client.chat.completions.create({ model, messages: [{ role: "user", content: "Hi" }], ...body });
    await assert.rejects(failing({ model: "no-such-model" }), (e) => e instanceof OpenAI.NotFoundError && e.code === "model_not_found");
    await assert.rejects(failing({ top_p: 2 }), (e) => e instanceof OpenAI.BadRequestError && e.param === "top_p");
    const stranger = new OpenAI({ baseURL, apiKey: "sk-nobody", maxRetries: 0 });
    await assert.rejects(stranger.models.list(), (e) => e instanceof OpenAI.AuthenticationError && e.code === "invalid_api_key");
  },
  async app() {
    if (!process.env.APP_KEY) return "APP_KEY is not set";
    const app = new OpenAI({ baseURL, apiKey: process.env.APP_KEY, maxRetries: 0 });
    const answer = await app.chat.completions.create({ model: "app", messages: [{ role: "user", content: "Hello" }], max_tokens: 32 });
    assert(answer.choices[0].message.content);
  },
};

for (const [name, check] of Object.entries(checks)) {
  const skipped = await check();
  console.log(`${name}: ${skipped ? `skipped, ${skipped}` : "ok"}`);
}
