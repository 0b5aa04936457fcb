#!/usr/bin/env python3
"""What graphon 0.8.0, the engine behind Dify, makes of a few graphs: outputs and the order of events, for the tests of src/workflows/run.

    python3.12 -m venv VENV && VENV/bin/pip install graphon==0.8.0 pyyaml
    VENV/bin/python tools/goldens/workflows.py > tests/goldens/workflows/graphs.json
"""
import json
import logging
import sys

import yaml
from graphon.dsl import loads
from graphon.engine.filter import EngineEventFilterContext, ResponseStreamFilter, filter_engine_events


def node(id, type, parent=None, **data):
    data = {"type": type, "title": id, **data}
    entry = {"id": id, "type": "custom", "position": {"x": 0, "y": 0}, "data": data}
    if parent:
        entry["parentId"] = parent[1]
        data |= {"isInIteration": True, "iteration_id": parent[1]} if parent[0] == "iteration" else {"isInLoop": True, "loop_id": parent[1]}
    return entry


def start(*names):
    fields = [{"variable": n, "label": n, "type": "text-input", "required": False, "max_length": 256, "options": []} for n in names]
    return node("start", "start", variables=fields)


def template(id, text, parent=None, **selectors):
    variables = [{"variable": n, "value_selector": s.split(".")} for n, s in selectors.items() if n not in ("extra",)]
    return node(id, "template-transform", parent, template=text, variables=variables)


def end(id, **selectors):
    return node(id, "end", outputs=[{"variable": n, "value_selector": s.split("."), "value_type": "string"} for n, s in selectors.items()])


def answer(id, text, parent=None):
    return node(id, "answer", parent, answer=text, variables=[])


def choice(id, *cases, parent=None):
    def case(name, selector, operator, value):
        condition = {"id": "1", "variable_selector": selector.split("."), "comparison_operator": operator, "value": value, "varType": "string"}
        return {"case_id": name, "id": name, "logical_operator": "and", "conditions": [condition]}
    return node(id, "if-else", parent, cases=[case(*c) for c in cases])


def iteration(id, items, output, start_id, **data):
    defaults = {"output_type": "array[string]", "is_parallel": False, "parallel_nums": 10, "error_handle_mode": "terminated", "flatten_output": True}
    return node(id, "iteration", start_node_id=start_id, iterator_selector=items.split("."), output_selector=output.split("."), **(defaults | data))


def loop(id, start_id, count, variables, breaks=(), **data):
    conditions = [{"id": str(i), "variable_selector": s.split("."), "comparison_operator": o, "value": v, "varType": "number"} for i, (s, o, v) in enumerate(breaks)]
    variables = [{"id": n, "label": n, "var_type": t, "value_type": "constant", "value": v} for n, t, v in variables]
    return node(id, "loop", start_node_id=start_id, loop_count=count, break_conditions=conditions, logical_operator="and", loop_variables=variables, **data)


def assigner(id, *items, parent=None):
    items = [{"variable_selector": s.split("."), "input_type": i, "operation": o, "value": v, "write_mode": o} for s, i, o, v in items]
    return node(id, "assigner", parent, version="2", items=items)


# name, mode, nodes, edges (`from` or `from:handle`, to), inputs, conversation variables
FAIL = "{{ 1 // 0 }}"
LIST = [["l", "array[number]", "[1, 2, 3]"]]


def listed(*more):
    """A start, and a loop of one round whose only use is a list of numbers at `list.l`."""
    return [start("q"), loop("list", "liststart", 1, LIST), node("liststart", "loop-start", ("loop", "list")), *more]


GRAPHS = [
    ("chain", "workflow", [start("q"), template("t", "Hello {{ q }}", q="start.q"), end("end", out="t.output", q="start.q")],
     ["start t", "t end"], {"q": "you"}, []),
    ("a choice", "workflow", [start("q"), choice("c", ("yes", "start.q", "contains", "a"), ("no", "start.q", "is", "b")),
     template("t", "T", ), end("e1", out="t.output"), end("e2", out="start.q"), end("e3", out="c.result")],
     ["start c", "c:yes t", "t e1", "c:no e2", "c:false e3"], {"q": "banana"}, []),
    ("the other choice", "workflow", [start("q"), choice("c", ("yes", "start.q", "contains", "a"), ("no", "start.q", "is", "b")),
     template("t", "T"), end("e1", out="t.output"), end("e2", out="start.q"), end("e3", out="c.result")],
     ["start c", "c:yes t", "t e1", "c:no e2", "c:false e3"], {"q": "b"}, []),
    ("a branch that is skipped joins again", "workflow", [start("q"), choice("c", ("yes", "start.q", "is", "a")), template("t", "T"), template("u", "U"),
     node("agg", "variable-aggregator", output_type="string", variables=[["t", "output"], ["u", "output"]]), end("end", out="agg.output", t="t.output")],
     ["start c", "c:yes t", "c:false u", "t agg", "u agg", "agg end"], {"q": "x"}, []),
    ("groups of variables", "workflow", [start("q"), template("t", "T"),
     node("agg", "variable-aggregator", output_type="string", variables=[], advanced_settings={"group_enabled": True, "groups": [
         {"groupId": "1", "group_name": "a", "output_type": "string", "variables": [["gone", "output"], ["t", "output"]]},
         {"groupId": "2", "group_name": "b", "output_type": "string", "variables": [["start", "q"]]}]}),
     end("end", a="agg.a.output", b="agg.b.output")], ["start t", "t agg", "agg end"], {"q": "x"}, []),
    ("a failure ends the run", "workflow", [start("q"), template("t", FAIL), end("end", out="t.output")], ["start t", "t end"], {"q": "x"}, []),
    ("a fail branch", "workflow", [start("q"), template("t", FAIL) | {"strategy": "fail-branch"}, end("ok", out="t.output"), template("u", "U"), end("bad", out="u.output")],
     ["start t", "t:success-branch ok", "t:fail-branch u", "u bad"], {"q": "x"}, []),
    ("a default value", "workflow", [start("q"), template("t", FAIL) | {"strategy": "default-value"}, end("end", out="t.output")], ["start t", "t end"], {"q": "x"}, []),
    ("an iteration", "workflow", [*listed(iteration("each", "list.l", "line.output", "eachstart"), node("eachstart", "iteration-start", ("iteration", "each")),
     template("line", "<{{ i }}>", ("iteration", "each"), i="each.item"), end("end", out="each.output"))],
     ["start list", "list each", "eachstart line", "each end"], {"q": "x"}, []),
    ("rounds that fail give null", "workflow", [*listed(iteration("each", "list.l", "line.output", "eachstart", error_handle_mode="continue-on-error"), node("eachstart", "iteration-start", ("iteration", "each")),
     template("line", "{{ 6 // (i - 2) }}", ("iteration", "each"), i="each.item"), end("end", out="each.output"))],
     ["start list", "list each", "eachstart line", "each end"], {"q": "x"}, []),
    ("rounds that fail are left out", "workflow", [*listed(iteration("each", "list.l", "line.output", "eachstart", error_handle_mode="remove-abnormal-output"), node("eachstart", "iteration-start", ("iteration", "each")),
     template("line", "{{ 6 // (i - 2) }}", ("iteration", "each"), i="each.item"), end("end", out="each.output"))],
     ["start list", "list each", "eachstart line", "each end"], {"q": "x"}, []),
    ("a round that fails ends the iteration", "workflow", [*listed(iteration("each", "list.l", "line.output", "eachstart"), node("eachstart", "iteration-start", ("iteration", "each")),
     template("line", "{{ 6 // (i - 2) }}", ("iteration", "each"), i="each.item"), end("end", out="each.output"))],
     ["start list", "list each", "eachstart line", "each end"], {"q": "x"}, []),
    ("a loop counts until its condition holds", "workflow", [start("q"), loop("l", "lstart", 10, [["n", "number", 0], ["seen", "array[string]", "[]"]], [("l.n", "≥", "3")]),
     node("lstart", "loop-start", ("loop", "l")), template("t", "{{ n }}!", ("loop", "l"), n="l.n"),
     assigner("a", ("l.n", "constant", "+=", 1), ("l.seen", "variable", "append", ["t", "output"]), parent=("loop", "l")), end("end", n="l.n", seen="l.seen", rounds="l.loop_round")],
     ["start l", "lstart t", "t a", "l end"], {"q": "x"}, []),
    ("a loop ends where its end node says", "workflow", [start("q"), loop("l", "lstart", 5, [["n", "number", 0]]), node("lstart", "loop-start", ("loop", "l")),
     assigner("a", ("l.n", "constant", "+=", 1), parent=("loop", "l")), choice("c", ("two", "l.n", "=", "2"), parent=("loop", "l")), node("stop", "loop-end", ("loop", "l")), end("end", n="l.n", rounds="l.loop_round")],
     ["start l", "lstart a", "a c", "c:two stop", "l end"], {"q": "x"}, []),
    ("an answer streams in its pieces", "advanced-chat", [start("q"), template("t", "T"), answer("ans", "a {{#start.q#}} b {{#t.output#}} c")], ["start t", "t ans"], {"q": "x"}, []),
    ("answers in a row", "advanced-chat", [start("q"), answer("first", "one "), template("t", "T"), answer("second", "two {{#t.output#}}")],
     ["start first", "first t", "t second"], {"q": "x"}, []),
    ("an answer behind a choice waits for it", "advanced-chat", [start("q"), template("t", "T"), choice("c", ("yes", "t.output", "is", "T")), answer("a", "A {{#t.output#}}"), answer("b", "B")],
     ["start t", "t c", "c:yes a", "c:false b"], {"q": "x"}, []),
    ("an answer shows what an assigner set", "advanced-chat", [start("q"), assigner("set", ("conversation.name", "variable", "over-write", ["start", "q"])), answer("ans", "Hello {{#conversation.name#}}")],
     ["start set", "set ans"], {"q": "Ann"}, [{"name": "name", "value_type": "string", "value": "nobody"}]),
    ("an answer after an iteration", "advanced-chat", [*listed(iteration("each", "list.l", "line.output", "eachstart"), node("eachstart", "iteration-start", ("iteration", "each")),
     template("line", "<{{ i }}>", ("iteration", "each"), i="each.item"), answer("ans", "All: {{#each.output#}}"))],
     ["start list", "list each", "eachstart line", "each ans"], {"q": "x"}, []),
    ("a list is filtered and sorted", "workflow", [*listed(node("op", "list-operator", variable=["list", "l"], var_type="array[number]", item_var_type="number",
     filter_by={"enabled": True, "conditions": [{"key": "", "comparison_operator": "≥", "value": "2"}]}, extract_by={"enabled": False, "serial": "1"},
     order_by={"enabled": True, "key": "", "value": "desc"}, limit={"enabled": True, "size": 10}), end("end", all="op.result", first="op.first_record"))],
     ["start list", "list op", "op end"], {"q": "x"}, []),
]


def graph_of(nodes, edges):
    def edge(text):
        source, target = text.split()
        source, _, handle = source.partition(":")
        return {"id": text, "source": source, "sourceHandle": handle or "source", "target": target, "targetHandle": "target", "type": "custom", "data": {}}
    for entry in nodes:
        strategy = entry.pop("strategy", None)
        if strategy:
            entry["data"]["error_strategy"] = strategy
            entry["data"]["default_value"] = [{"key": "output", "type": "string", "value": "D"}] if strategy == "default-value" else []
    return {"nodes": nodes, "edges": [edge(e) for e in edges]}


def story(engine, graph):
    """One word an event, as src/workflows/run/tests.rs writes them; texts in a row are one."""
    containers = {n["id"] for n in graph["nodes"] if n["data"]["type"] in ("iteration", "loop")}
    words = []

    def text(chunk):
        if words and words[-1].startswith("'"):
            words[-1] = words[-1][:-1] + chunk + "'"
        elif chunk:
            words.append(f"'{chunk}'")

    context = EngineEventFilterContext(graph=engine.graph, runtime_state=engine.runtime_state, file_runtime=getattr(engine, "file_runtime", None))
    outputs, status = None, None

    def events():
        try:
            yield from filter_engine_events(engine.run(), context=context, filters=[ResponseStreamFilter()])
        except RuntimeError:
            # how it tells that a run failed, after the event
            return

    for event in events():
        name, id = type(event).__name__, getattr(event, "node_id", None)
        match name:
            case "NodeRunStartedEvent" if id not in containers:
                words.append(f"+{id}")
            case "NodeRunSucceededEvent" if id not in containers:
                words.append(f"-{id}")
            case "NodeRunFailedEvent" if id not in containers:
                words.append(f"-{id} failed")
            case "NodeRunExceptionEvent":
                words.append(f"-{id} exception")
            case "NodeRunIterationStartedEvent" | "NodeRunLoopStartedEvent":
                words.append(f"+{id}({event.metadata.get('iteration_length', event.metadata.get('loop_length'))})")
            case "NodeRunIterationNextEvent" | "NodeRunLoopNextEvent":
                words.append(f"{id}[{event.index}]")
            case "NodeRunIterationSucceededEvent" | "NodeRunLoopSucceededEvent":
                words.append(f"-{id} succeeded")
            case "NodeRunIterationFailedEvent" | "NodeRunLoopFailedEvent":
                words.append(f"-{id} failed")
            case "NodeRunStreamChunkEvent":
                text(event.chunk)
            case "GraphRunSucceededEvent":
                outputs, status = event.outputs, "succeeded"
            case "GraphRunPartialSucceededEvent":
                outputs, status = event.outputs, "partial-succeeded"
            case "GraphRunFailedEvent":
                status = "failed"
    return words, json.loads(json.dumps(outputs, default=str)), status


def main():
    logging.disable(logging.CRITICAL)
    goldens = []
    for name, mode, nodes, edges, inputs, variables in GRAPHS:
        graph = graph_of(nodes, edges)
        variables = [{"id": f"00000000-0000-0000-0000-00000000000{i}", "description": "", "selector": ["conversation", v["name"]], **v} for i, v in enumerate(variables)]
        file = {"version": "0.6.0", "kind": "app", "app": {"name": "g", "mode": mode, "icon": "x", "icon_type": "emoji", "icon_background": "#fff", "description": ""},
                "workflow": {"environment_variables": [], "conversation_variables": variables, "features": {}, "graph": graph}}
        try:
            engine = loads(yaml.safe_dump(file, allow_unicode=True), credentials={}, workflow_id="w", start_inputs=inputs, workers=1)
            words, outputs, status = story(engine, graph)
        except Exception as error:  # which graph it was says more than the trace
            raise SystemExit(f"{name}: {type(error).__name__}: {error}") from error
        goldens.append({"name": name, "graph": graph, "inputs": inputs, "conversation": {v["name"]: v["value"] for v in variables}, "story": words, "outputs": outputs, "status": status})
    json.dump(goldens, sys.stdout, ensure_ascii=False, indent=1)
    print()


main()
