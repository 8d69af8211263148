"""The real SDKs against Tollgate, or against a simulated target alone.

`make test` runs each class against a gateway of its own. By hand, against a target alone:

    cargo run -- sim --profile instant --at 127.0.0.1:41990 &
    KEY=sim-key target/venv/bin/python tests/sdk/run.py

BASE_URL          the root, without /v1
KEY               the key to show
OPENAI_MODEL      a model that an OpenAI target answers (gpt-sim)
ANTHROPIC_MODEL   a model that an Anthropic target answers (claude-sim)
OPENAI_SIM_URL    the root of the target behind OPENAI_MODEL, for faults and its bill (BASE_URL)
ANTHROPIC_SIM_URL the same for ANTHROPIC_MODEL (OPENAI_SIM_URL)
ADMIN_URL, ADMIN_TOKEN  the gateway's operator API; without them the tests of the gateway itself are skipped
"""

import json
import os
import time
import unittest
import urllib.request

import anthropic
import openai

BASE = os.environ.get("BASE_URL", "http://127.0.0.1:41990").rstrip("/")
KEY = os.environ.get("KEY", "sim-key")
GPT = os.environ.get("OPENAI_MODEL", "gpt-sim")
CLAUDE = os.environ.get("ANTHROPIC_MODEL", "claude-sim")
GPT_SIM = os.environ.get("OPENAI_SIM_URL", BASE).rstrip("/")
CLAUDE_SIM = os.environ.get("ANTHROPIC_SIM_URL", GPT_SIM).rstrip("/")
ADMIN = os.environ.get("ADMIN_URL", "").rstrip("/")
TOKEN = os.environ.get("ADMIN_TOKEN", "")

HI = [{"role": "user", "content": "Say something about code."}]
ASK = [{"role": "user", "content": "Use the tool get_weather for Paris."}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city", "days"]}
CHAT_TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": SCHEMA}}]
FLAT_TOOLS = [{"type": "function", "name": "get_weather", "description": "The weather.", "parameters": SCHEMA, "strict": False}]
CLAUDE_TOOLS = [{"name": "get_weather", "description": "The weather.", "input_schema": SCHEMA}]
# A gateway tries again and elsewhere; so many faults outlast it.
MANY = 12

gateway = unittest.skipUnless(ADMIN, "needs a gateway (ADMIN_URL)")


def call(method, url, body=None, token=None):
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = "Bearer " + token
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def gpt(**options):
    options = {"api_key": KEY, "max_retries": 0, "timeout": 20, **options}
    return openai.OpenAI(base_url=BASE + "/v1", **options)


def claude(**options):
    options = {"api_key": KEY, "max_retries": 0, "timeout": 20, **options}
    return anthropic.Anthropic(base_url=BASE, **options)


class Case(unittest.TestCase):
    def setUp(self):
        self.clear()

    def tearDown(self):
        self.clear()

    def clear(self):
        for sim in {GPT_SIM, CLAUDE_SIM}:
            call("DELETE", sim + "/sim/script")

    def script(self, *faults):
        for sim in {GPT_SIM, CLAUDE_SIM}:
            call("POST", sim + "/sim/script", list(faults))

    def last_line(self, sim):
        return call("GET", sim + "/sim/bill")[-1]


class Chat(Case):
    def test_whole(self):
        answer = gpt().chat.completions.create(model=GPT, messages=HI)
        self.assertEqual(answer.object, "chat.completion")
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertTrue(answer.choices[0].message.content)
        self.assertGreater(answer.usage.completion_tokens, 0)
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)
        self.assertEqual(self.last_line(GPT_SIM)["usage"]["output"], answer.usage.completion_tokens)

    def test_stream_with_usage(self):
        stream = gpt().chat.completions.create(model=GPT, messages=HI, stream=True, stream_options={"include_usage": True})
        chunks = list(stream)
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual(len({chunk.id for chunk in chunks}), 1)
        self.assertEqual(chunks[-1].choices, [])
        self.assertTrue(all(chunk.usage is None for chunk in chunks[:-1]))
        self.assertEqual(chunks[-2].choices[0].finish_reason, "stop")
        pieces = [c.choices[0].delta.content for c in chunks[:-1] if c.choices[0].delta.content]
        self.assertEqual(len(pieces), chunks[-1].usage.completion_tokens)

    def test_stream_without_usage(self):
        chunks = list(gpt().chat.completions.create(model=GPT, messages=HI, stream=True))
        self.assertTrue(all(chunk.usage is None and chunk.choices for chunk in chunks))

    def test_accumulator(self):
        with gpt().chat.completions.stream(model=GPT, messages=HI) as stream:
            kinds = [event.type for event in stream]
            answer = stream.get_final_completion()
        self.assertIn("content.delta", kinds)
        self.assertIn("content.done", kinds)
        self.assertTrue(answer.choices[0].message.content)

    def test_length(self):
        answer = gpt().chat.completions.create(model=GPT, messages=HI, max_completion_tokens=5)
        self.assertEqual((answer.choices[0].finish_reason, answer.usage.completion_tokens), ("length", 5))

    def test_reasoning_is_inside_output(self):
        usage = gpt().chat.completions.create(model=GPT, messages=HI, reasoning_effort="high").usage
        self.assertGreater(usage.completion_tokens_details.reasoning_tokens, 0)
        self.assertLess(usage.completion_tokens_details.reasoning_tokens, usage.completion_tokens)

    def test_tools_round_trip(self):
        first = gpt().chat.completions.create(model=GPT, messages=ASK, tools=CHAT_TOOLS)
        message = first.choices[0].message
        self.assertEqual(first.choices[0].finish_reason, "tool_calls")
        arguments = json.loads(message.tool_calls[0].function.arguments)
        self.assertIsInstance(arguments["days"], int)
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
        second = gpt().chat.completions.create(model=GPT, messages=[*ASK, message, result], tools=CHAT_TOOLS)
        self.assertEqual(second.choices[0].finish_reason, "stop")

    def test_tools_in_a_stream(self):
        with gpt().chat.completions.stream(model=GPT, messages=ASK, tools=CHAT_TOOLS) as stream:
            for _ in stream:
                pass
            called = stream.get_final_completion().choices[0].message.tool_calls[0]
        self.assertEqual((called.type, called.function.name), ("function", "get_weather"))
        self.assertIn("city", json.loads(called.function.arguments))

    def test_structured_output(self):
        schema = {"name": "weather", "schema": SCHEMA, "strict": True}
        answer = gpt().chat.completions.create(
            model=GPT, messages=HI, response_format={"type": "json_schema", "json_schema": schema}
        )
        self.assertIn("city", json.loads(answer.choices[0].message.content))

    def test_second_turn_is_cached(self):
        long = [{"role": "user", "content": "context %f " % time.time() + "word " * 4000}]
        first = gpt().chat.completions.create(model=GPT, messages=long)
        turn = [*long, {"role": "assistant", "content": "ok"}, {"role": "user", "content": "go on"}]
        second = gpt().chat.completions.create(model=GPT, messages=turn)
        self.assertEqual(first.usage.prompt_tokens_details.cached_tokens, 0)
        self.assertGreater(second.usage.prompt_tokens_details.cached_tokens, 4000)
        self.assertLess(second.usage.prompt_tokens_details.cached_tokens, second.usage.prompt_tokens)

    def test_error_in_the_stream_raises(self):
        self.script({"error_event_after": 3})
        with self.assertRaises(openai.APIError):
            list(gpt().chat.completions.create(model=GPT, messages=HI, stream=True))

    def test_reset_in_the_stream_raises(self):
        self.script({"reset_after": 3})
        with self.assertRaises(Exception):
            list(gpt().chat.completions.create(model=GPT, messages=HI, stream=True))


class Responses(Case):
    def test_whole(self):
        answer = gpt().responses.create(model=GPT, input="Say something.")
        self.assertEqual((answer.object, answer.status), ("response", "completed"))
        self.assertTrue(answer.output_text)
        self.assertEqual(answer.usage.total_tokens, answer.usage.input_tokens + answer.usage.output_tokens)

    def test_stream(self):
        events = list(gpt().responses.create(model=GPT, input="hi", stream=True))
        self.assertEqual([event.sequence_number for event in events], list(range(len(events))))
        self.assertEqual([e.type for e in events[:3]], ["response.created", "response.in_progress", "response.output_item.added"])
        self.assertEqual(events[-1].type, "response.completed")
        deltas = [e for e in events if e.type == "response.output_text.delta"]
        self.assertEqual(len(deltas), events[-1].response.usage.output_tokens)

    def test_accumulator_with_reasoning(self):
        reasoning = {"effort": "high", "summary": "auto"}
        with gpt().responses.stream(model=GPT, input="hi", reasoning=reasoning) as stream:
            for _ in stream:
                pass
            answer = stream.get_final_response()
        self.assertEqual([item.type for item in answer.output], ["reasoning", "message"])
        self.assertGreater(answer.usage.output_tokens_details.reasoning_tokens, 0)

    def test_length(self):
        answer = gpt().responses.create(model=GPT, input="hi", max_output_tokens=4)
        self.assertEqual((answer.status, answer.incomplete_details.reason), ("incomplete", "max_output_tokens"))

    def test_tools_round_trip(self):
        first = gpt().responses.create(model=GPT, input=ASK, tools=FLAT_TOOLS)
        called = first.output[0]
        self.assertEqual((called.type, called.name), ("function_call", "get_weather"))
        self.assertIn("city", json.loads(called.arguments))
        result = {"type": "function_call_output", "call_id": called.call_id, "output": "sunny"}
        items = [*ASK, called.model_dump(exclude_none=True), result]
        second = gpt().responses.create(model=GPT, input=items, tools=FLAT_TOOLS)
        self.assertEqual(second.output[0].type, "message")

    def test_tools_in_a_stream(self):
        with gpt().responses.stream(model=GPT, input=ASK, tools=FLAT_TOOLS) as stream:
            kinds = [event.type for event in stream]
            called = stream.get_final_response().output[0]
        self.assertIn("response.function_call_arguments.done", kinds)
        self.assertIn("days", json.loads(called.arguments))

    def test_failure_in_the_stream(self):
        self.script({"error_event_after": 4})
        with self.assertRaises(openai.APIError):
            for event in gpt().responses.create(model=GPT, input="hi", stream=True):
                if event.type == "response.failed":
                    raise openai.APIError(event.response.error.message, request=None, body=None)


class Others(Case):
    def test_fill_in_the_middle(self):
        answer = gpt().completions.create(model=GPT, prompt="def add(", suffix="return c", max_tokens=12)
        self.assertEqual((answer.object, answer.usage.completion_tokens), ("text_completion", 12))
        self.assertTrue(answer.choices[0].text)

    def test_completion_stream(self):
        options = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 30}
        chunks = list(gpt().completions.create(model=GPT, prompt="def add(", **options))
        self.assertEqual(chunks[-1].choices, [])
        pieces = [c for c in chunks[:-1] if c.choices[0].text]
        self.assertEqual(len(pieces), chunks[-1].usage.completion_tokens)

    def test_embeddings(self):
        answer = gpt().embeddings.create(model=GPT, input=["one", "two"])
        self.assertEqual([item.index for item in answer.data], [0, 1])
        self.assertAlmostEqual(sum(x * x for x in answer.data[0].embedding), 1.0, places=3)
        self.assertNotEqual(answer.data[0].embedding, answer.data[1].embedding)
        self.assertGreater(answer.usage.prompt_tokens, 0)

    def test_models(self):
        self.assertIn(GPT, [model.id for model in gpt().models.list()])
        self.assertEqual(gpt().models.retrieve(GPT).object, "model")
        self.assertIn(CLAUDE, [model.id for model in claude().models.list()])
        self.assertEqual(claude().models.retrieve(CLAUDE).type, "model")
        with self.assertRaises(openai.NotFoundError):
            gpt().models.retrieve("no-such-model")


class Messages(Case):
    def test_whole(self):
        answer = claude().messages.create(model=CLAUDE, max_tokens=500, messages=HI)
        self.assertEqual((answer.type, answer.role, answer.stop_reason), ("message", "assistant", "end_turn"))
        self.assertTrue(answer.content[0].text)
        self.assertEqual(self.last_line(CLAUDE_SIM)["usage"]["output"], answer.usage.output_tokens)

    def test_raw_stream(self):
        events = list(claude().messages.create(model=CLAUDE, max_tokens=500, messages=HI, stream=True))
        kinds = [event.type for event in events if event.type != "ping"]
        self.assertEqual(kinds[:3], ["message_start", "content_block_start", "content_block_delta"])
        self.assertEqual(kinds[-3:], ["content_block_stop", "message_delta", "message_stop"])
        self.assertGreater(events[0].message.usage.input_tokens, 0)

    def test_accumulator(self):
        with claude().messages.stream(model=CLAUDE, max_tokens=500, messages=HI) as stream:
            text = "".join(stream.text_stream)
            answer = stream.get_final_message()
        self.assertEqual(answer.content[0].text, text)
        self.assertEqual(self.last_line(CLAUDE_SIM)["usage"]["output"], answer.usage.output_tokens)

    def test_thinking(self):
        with claude().messages.stream(
            model=CLAUDE, max_tokens=4000, messages=HI, thinking={"type": "enabled", "budget_tokens": 1024}
        ) as stream:
            answer = stream.get_final_message()
        self.assertEqual([block.type for block in answer.content], ["thinking", "text"])
        self.assertTrue(answer.content[0].signature)

    def test_length(self):
        answer = claude().messages.create(model=CLAUDE, max_tokens=3, messages=HI)
        self.assertEqual((answer.stop_reason, answer.usage.output_tokens), ("max_tokens", 3))

    def test_tools_round_trip(self):
        options = {"model": CLAUDE, "max_tokens": 500, "tools": CLAUDE_TOOLS}
        first = claude().messages.create(messages=ASK, **options)
        called = first.content[0]
        self.assertEqual((first.stop_reason, called.name), ("tool_use", "get_weather"))
        self.assertIsInstance(called.input["days"], int)
        result = {"type": "tool_result", "tool_use_id": called.id, "content": "sunny"}
        history = [*ASK, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
        self.assertEqual(claude().messages.create(messages=history, **options).stop_reason, "end_turn")

    def test_tools_in_a_stream(self):
        with claude().messages.stream(model=CLAUDE, max_tokens=500, messages=ASK, tools=CLAUDE_TOOLS) as stream:
            called = stream.get_final_message().content[0]
        self.assertIn("city", called.input)

    def test_cache_is_counted_beside_the_input(self):
        text = "context %f " % time.time() + "word " * 4000
        block = {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
        options = {"model": CLAUDE, "max_tokens": 50, "system": [block], "messages": HI}
        first = claude().messages.create(**options).usage
        second = claude().messages.create(**options).usage
        self.assertGreater(first.cache_creation.ephemeral_1h_input_tokens, 4000)
        self.assertEqual(second.cache_read_input_tokens, first.cache_creation_input_tokens)
        self.assertLess(second.input_tokens, 100)

    def test_count_tokens(self):
        count = claude().messages.count_tokens(model=CLAUDE, messages=HI)
        self.assertGreater(count.input_tokens, 0)

    def test_error_in_the_stream_raises(self):
        self.script({"error_event_after": 4})
        with self.assertRaises(anthropic.APIError):
            with claude().messages.stream(model=CLAUDE, max_tokens=500, messages=HI) as stream:
                stream.get_final_message()

    def test_unknown_events_do_no_harm(self):
        self.script("unknown_events")
        with claude().messages.stream(model=CLAUDE, max_tokens=500, messages=HI) as stream:
            self.assertEqual(stream.get_final_message().stop_reason, "end_turn")


class Errors(Case):
    def ask_gpt(self, **options):
        return gpt(**options).chat.completions.create(model=GPT, messages=HI)

    def ask_claude(self, **options):
        return claude(**options).messages.create(model=CLAUDE, max_tokens=50, messages=HI)

    def test_wrong_key(self):
        with self.assertRaises(openai.AuthenticationError):
            self.ask_gpt(api_key="wrong")
        with self.assertRaises(anthropic.AuthenticationError):
            self.ask_claude(api_key="wrong")

    def test_no_such_model(self):
        with self.assertRaises(openai.NotFoundError):
            gpt().chat.completions.create(model="no-such-model", messages=HI)
        with self.assertRaises(anthropic.NotFoundError):
            claude().messages.create(model="no-such-model", max_tokens=5, messages=HI)

    def test_malformed(self):
        with self.assertRaises(openai.BadRequestError):
            gpt().chat.completions.create(model=GPT, messages="not a list")
        with self.assertRaises(anthropic.BadRequestError):
            claude().messages.create(model=CLAUDE, max_tokens="many", messages=HI)

    def test_statuses_have_their_classes(self):
        cases = [
            (400, openai.BadRequestError, anthropic.BadRequestError),
            (422, openai.UnprocessableEntityError, anthropic.UnprocessableEntityError),
            (429, openai.RateLimitError, anthropic.RateLimitError),
            (503, openai.InternalServerError, anthropic.InternalServerError),
            (529, openai.InternalServerError, anthropic.APIStatusError),
        ]
        for code, of_openai, of_anthropic in cases:
            with self.subTest(code=code):
                fault = {"status": {"code": code}}
                self.script(*[fault] * MANY)
                with self.assertRaises(of_openai) as gone:
                    self.ask_gpt()
                self.assertEqual(gone.exception.status_code, code)
                self.clear()
                self.script(*[fault] * MANY)
                with self.assertRaises(of_anthropic) as gone:
                    self.ask_claude()
                self.assertEqual(gone.exception.status_code, code)
                self.clear()

    def test_sdks_retry(self):
        for fault in [{"status": {"code": 429, "retry_after": "0"}}, {"status": {"code": 503}}, "reset_before_answer"]:
            with self.subTest(fault=fault):
                self.script(fault, fault)
                self.assertTrue(self.ask_gpt(max_retries=3).choices)
                self.clear()
                self.script(fault, fault)
                self.assertTrue(self.ask_claude(max_retries=3).content)
                self.clear()


@gateway
class Translated(Case):
    """Models whose targets speak one dialect alone, which is not the SDK's."""

    CHAT = "chat-sim"
    MESSAGES = "messages-sim"

    def test_chat_to_messages(self):
        answer = gpt().chat.completions.create(model=self.MESSAGES, messages=HI)
        self.assertEqual((answer.object, answer.choices[0].finish_reason), ("chat.completion", "stop"))
        self.assertTrue(answer.choices[0].message.content)
        self.assertEqual(self.last_line(CLAUDE_SIM)["usage"]["output"], answer.usage.completion_tokens)

    def test_chat_stream_to_messages(self):
        with gpt().chat.completions.stream(model=self.MESSAGES, messages=HI, stream_options={"include_usage": True}) as stream:
            kinds = {event.type for event in stream}
            answer = stream.get_final_completion()
        self.assertIn("content.delta", kinds)
        self.assertEqual(self.last_line(CLAUDE_SIM)["usage"]["output"], answer.usage.completion_tokens)

    def test_chat_tools_to_messages(self):
        first = gpt().chat.completions.create(model=self.MESSAGES, messages=ASK, tools=CHAT_TOOLS)
        called = first.choices[0].message.tool_calls[0]
        self.assertIn("city", json.loads(called.function.arguments))
        result = {"role": "tool", "tool_call_id": called.id, "content": "sunny"}
        turns = [*ASK, first.choices[0].message.model_dump(exclude_none=True), result]
        second = gpt().chat.completions.create(model=self.MESSAGES, messages=turns, tools=CHAT_TOOLS)
        self.assertEqual(second.choices[0].finish_reason, "stop")

    def test_responses_to_messages(self):
        answer = gpt().responses.create(model=self.MESSAGES, input="Say something.")
        self.assertEqual(answer.status, "completed")
        self.assertTrue(answer.output_text)
        self.assertEqual(self.last_line(CLAUDE_SIM)["usage"]["output"], answer.usage.output_tokens)

    def test_responses_stream_to_messages(self):
        with gpt().responses.stream(model=self.MESSAGES, input=ASK, tools=FLAT_TOOLS) as stream:
            kinds = [event.type for event in stream]
            called = stream.get_final_response().output[0]
        self.assertIn("response.function_call_arguments.done", kinds)
        self.assertIn("days", json.loads(called.arguments))

    def test_messages_to_chat(self):
        answer = claude().messages.create(model=self.CHAT, max_tokens=500, messages=HI)
        self.assertEqual((answer.type, answer.role, answer.stop_reason), ("message", "assistant", "end_turn"))
        self.assertTrue(answer.content[0].text)
        self.assertEqual(self.last_line(GPT_SIM)["usage"]["output"], answer.usage.output_tokens)

    def test_messages_stream_to_chat(self):
        with claude().messages.stream(model=self.CHAT, max_tokens=500, messages=ASK, tools=CLAUDE_TOOLS) as stream:
            answer = stream.get_final_message()
        self.assertEqual((answer.stop_reason, answer.content[0].type), ("tool_use", "tool_use"))
        self.assertIn("city", answer.content[0].input)
        result = {"type": "tool_result", "tool_use_id": answer.content[0].id, "content": "sunny"}
        turns = [*ASK, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
        second = claude().messages.create(model=self.CHAT, max_tokens=500, messages=turns, tools=CLAUDE_TOOLS)
        self.assertEqual(second.stop_reason, "end_turn")


@gateway
class Gateway(Case):
    def test_every_answer_names_its_request(self):
        raw = gpt().chat.completions.with_raw_response.create(model=GPT, messages=HI)
        self.assertTrue(raw.headers["x-tollgate-request-id"].startswith("req_"))
        for name in ["x-tollgate-model", "x-tollgate-hosting", "x-tollgate-cost-usd"]:
            self.assertIn(name, raw.headers)
        raw = claude().messages.with_raw_response.create(model=CLAUDE, max_tokens=5, messages=HI)
        self.assertTrue(raw.headers["x-tollgate-request-id"].startswith("req_"))

    def test_errors_name_their_request_too(self):
        with self.assertRaises(openai.NotFoundError) as gone:
            gpt().chat.completions.create(model="no-such-model", messages=HI)
        self.assertIn("x-tollgate-request-id", gone.exception.response.headers)

    def test_each_dialect_reaches_the_other_target(self):
        answer = claude().messages.create(model=GPT, max_tokens=50, messages=HI)
        self.assertTrue(answer.content[0].text)
        answer = gpt().chat.completions.create(model=CLAUDE, messages=HI, max_tokens=50)
        self.assertTrue(answer.choices[0].message.content)

    def test_the_record_holds_what_the_target_billed(self):
        raw = gpt().chat.completions.with_raw_response.create(model=GPT, messages=HI)
        path = "/admin/v1/requests/" + raw.headers["x-tollgate-request-id"]
        for _ in range(50):
            record = call("GET", ADMIN + path, token=TOKEN)
            if record["attempts"] and record["attempts"][-1]["state"] != "open":
                break
            time.sleep(0.1)
        attempt = record["attempts"][-1]
        lines = [line for line in call("GET", GPT_SIM + "/sim/bill") if line["attempt"] == attempt["attempt_id"]]
        self.assertEqual(attempt["state"], "actual")
        self.assertEqual(lines[0]["usage"], attempt["tokens"])


if __name__ == "__main__":
    unittest.main(verbosity=1)
