// One small task through an SDK in JavaScript: the model is given a tool, calls it in a stream, and is told what came of it.
//
//     node sdk.mjs DIALECT MODEL      with BASE_URL (the root, without /v1), KEY and PACKAGES (the folder of node_modules);
//                                     writes note.txt where it stands

import assert from "node:assert";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const { BASE_URL, KEY, PACKAGES } = process.env;
const load = createRequire(PACKAGES + "/");
const [dialect, model] = process.argv.slice(2);
const task = { role: "user", content: "Write the note." };
const schema = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };
const [name, description] = ["write_note", "Writes the note."];

function write({ text }) {
  writeFileSync("note.txt", text);
  return "written";
}

function openai() {
  const { OpenAI } = load("openai");
  return new OpenAI({ baseURL: BASE_URL + "/v1", apiKey: KEY, maxRetries: 0 });
}

async function chat() {
  const { completions } = openai().chat;
  const tools = [{ type: "function", function: { name, description, parameters: schema } }];
  const asked = { model, tools, messages: [task], stream_options: { include_usage: true } };
  const first = await completions.stream(asked).finalChatCompletion();
  const { id, function: called } = first.choices[0].message.tool_calls[0];
  const call = { id, type: "function", function: { name: called.name, arguments: called.arguments } };
  const told = { role: "tool", tool_call_id: id, content: write(JSON.parse(called.arguments)) };
  const made = { role: "assistant", content: null, tool_calls: [call] };
  const last = await completions.create({ model, tools, messages: [task, made, told] });
  assert(first.usage.completion_tokens > 0 && last.usage.completion_tokens > 0);
  return last.choices[0].message.content;
}

async function responses() {
  const client = openai().responses;
  const tools = [{ type: "function", name, description, parameters: schema, strict: false }];
  const first = await client.stream({ model, tools, store: false, input: [task] }).finalResponse();
  const called = first.output.find((item) => item.type === "function_call");
  const made = { type: "function_call", call_id: called.call_id, name: called.name, arguments: called.arguments };
  const told = { type: "function_call_output", call_id: called.call_id, output: write(JSON.parse(called.arguments)) };
  const last = await client.create({ model, tools, store: false, input: [task, made, told] });
  assert(first.usage.output_tokens > 0 && last.usage.output_tokens > 0);
  return last.output_text;
}

async function messages() {
  const { Anthropic } = load("@anthropic-ai/sdk");
  const client = new Anthropic({ baseURL: BASE_URL, apiKey: KEY, maxRetries: 0 }).messages;
  const options = { model, max_tokens: 1000, tools: [{ name, description, input_schema: schema }] };
  const first = await client.stream({ ...options, messages: [task] }).finalMessage();
  const called = first.content.find((block) => block.type === "tool_use");
  const made = { type: "tool_use", id: called.id, name: called.name, input: called.input };
  const told = { type: "tool_result", tool_use_id: called.id, content: write(called.input) };
  const turns = [task, { role: "assistant", content: [made] }, { role: "user", content: [told] }];
  const last = await client.create({ ...options, messages: turns });
  assert(first.usage.output_tokens > 0 && last.usage.output_tokens > 0);
  return last.content[0].text;
}

console.log(await { chat, responses, messages }[dialect]());
