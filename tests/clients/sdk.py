"""One small task through an SDK in Python: the model is given a tool, calls it in a stream, and is told what came of it.

    python sdk.py DIALECT MODEL      with BASE_URL (the root, without /v1) and KEY; writes note.txt where it stands
"""

import json
import os
import sys

import anthropic
import openai

BASE, KEY = os.environ["BASE_URL"], os.environ["KEY"]
DIALECT, MODEL = sys.argv[1:]
TASK = {"role": "user", "content": "Write the note."}
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
NAME, ABOUT = "write_note", "Writes the note."


def write(arguments):
    with open("note.txt", "w") as note:
        note.write(arguments["text"])
    return "written"


def chat():
    client = openai.OpenAI(base_url=BASE + "/v1", api_key=KEY, max_retries=0).chat.completions
    tools = [{"type": "function", "function": {"name": NAME, "description": ABOUT, "parameters": SCHEMA}}]
    with client.stream(model=MODEL, messages=[TASK], tools=tools, stream_options={"include_usage": True}) as stream:
        first = stream.until_done().get_final_completion()
    called = first.choices[0].message.tool_calls[0]
    function = {"name": called.function.name, "arguments": called.function.arguments}
    made = {"role": "assistant", "content": None, "tool_calls": [{"id": called.id, "type": "function", "function": function}]}
    told = {"role": "tool", "tool_call_id": called.id, "content": write(json.loads(called.function.arguments))}
    last = client.create(model=MODEL, messages=[TASK, made, told], tools=tools)
    assert first.usage.completion_tokens > 0 and last.usage.completion_tokens > 0
    return last.choices[0].message.content


def responses():
    client = openai.OpenAI(base_url=BASE + "/v1", api_key=KEY, max_retries=0).responses
    tools = [{"type": "function", "name": NAME, "description": ABOUT, "parameters": SCHEMA, "strict": False}]
    options = {"model": MODEL, "tools": tools, "store": False}
    with client.stream(input=[TASK], **options) as stream:
        first = stream.until_done().get_final_response()
    called = next(item for item in first.output if item.type == "function_call")
    told = {"type": "function_call_output", "call_id": called.call_id, "output": write(json.loads(called.arguments))}
    made = {"type": "function_call", "call_id": called.call_id, "name": called.name, "arguments": called.arguments}
    last = client.create(input=[TASK, made, told], **options)
    assert first.usage.output_tokens > 0 and last.usage.output_tokens > 0
    return last.output_text


def messages():
    client = anthropic.Anthropic(base_url=BASE, api_key=KEY, max_retries=0).messages
    tools = [{"name": NAME, "description": ABOUT, "input_schema": SCHEMA}]
    options = {"model": MODEL, "tools": tools, "max_tokens": 1000}
    with client.stream(messages=[TASK], **options) as stream:
        first = stream.get_final_message()
    called = next(block for block in first.content if block.type == "tool_use")
    told = {"type": "tool_result", "tool_use_id": called.id, "content": write(called.input)}
    made = {"role": "assistant", "content": [{"type": "tool_use", "id": called.id, "name": called.name, "input": called.input}]}
    last = client.create(messages=[TASK, made, {"role": "user", "content": [told]}], **options)
    assert first.usage.output_tokens > 0 and last.usage.output_tokens > 0
    return last.content[0].text


print({"chat": chat, "responses": responses, "messages": messages}[DIALECT]())
