"""The code policy's mode ``strict``: RAGFlow's rules, which find names wherever they stand."""

from time import monotonic

import _ast
from _ast import AST, Assign, Attribute, BinOp, Call, Constant, Lambda, Name

ONLY_AST = 0x400  # ast.PyCF_ONLY_AST, without importing the module that has it
NODES_BETWEEN_LOOKS_AT_THE_CLOCK = 4096


def children_by_class():
    """The fields of each class of nodes that can hold nodes."""
    without = {"ctx", "id", "attr", "kind", "op", "ops", "conversion", "is_async", "level", "module"}
    without |= {"simple", "type_comment", "type_ignores", "tag", "arg", "asname", "s", "n"}
    found = {}
    for kind in vars(_ast).values():
        if isinstance(kind, type) and issubclass(kind, AST) and kind is not Constant:
            found[kind] = tuple(field for field in kind._fields if field not in without)
    return found


CHILDREN = children_by_class()


def children_of(node):
    """In the order of the tree; some may be None or text."""
    found = []
    for field in CHILDREN.get(node.__class__, ()):
        value = getattr(node, field)
        if value.__class__ is list:
            found += value
        else:
            found.append(value)
    return found


def strict_findings(source, rules, deadline):
    """The reference's rules and the order of its findings, duplicates included."""
    imports, calls = frozenset(rules["imports"]), frozenset(rules["calls"])
    try:
        tree = compile(source.decode(), "<unknown>", "exec", ONLY_AST, dont_inherit=True)
    except Exception as error:
        return [(-1, f"Parsing Error: {error}")]

    def is_call(node):
        return node.__class__ is Call and node.func.__class__ is Name and node.func.id in calls

    def first_part(name):
        return name.split(".")[0]

    def found_at(node):
        kind = node.__class__
        if kind is _ast.Import:
            return [f"Import: {a.name}" for a in node.names if first_part(a.name) in imports]
        if kind is _ast.ImportFrom:
            bad = node.module and first_part(node.module) in imports
            return [f"From Import: {node.module}"] if bad else []
        if kind is Call:
            if node.func.__class__ is Name and node.func.id in calls:
                return [f"Call: {node.func.id}"]
            if node.func.__class__ is Attribute and node.func.attr in calls:
                return [f"Call: {node.func.attr}"]
        if kind is Attribute and node.value.__class__ is Name and node.value.id in imports:
            return [f"Attribute Access: {node.value.id}.{node.attr}"]
        if kind is BinOp and node.left.__class__ is Constant and node.right.__class__ is Constant:
            return ["Possible unsafe string concatenation"]
        if kind is _ast.FunctionDef and node.name in calls:
            return [f"Function Definition: {node.name}"]
        if kind is Assign:
            names = [t.id for t in node.targets if t.__class__ is Name and t.id in calls]
            return [f"Assignment to dangerous variable: {name}" for name in names]
        if kind is Lambda and is_call(node.body):
            return ["Lambda with dangerous function call"]
        if kind is _ast.ListComp and is_call(node.elt):
            return ["List comprehension with dangerous function call"]
        if kind is _ast.SetComp and is_call(node.elt):
            return ["Set comprehension with dangerous function call"]
        if kind is _ast.DictComp:
            parts = [(node.key, "key"), (node.value, "value")]
            text = "Dict comprehension with dangerous function call in"
            return [f"{text} {name}" for part, name in parts if is_call(part)]
        if kind is _ast.Yield and is_call(node.value):
            return ["Yield with dangerous function call"]
        return []

    findings = []
    waiting = [tree]
    count = 0
    while waiting:
        node = waiting.pop()
        count += 1
        if count % NODES_BETWEEN_LOOKS_AT_THE_CLOCK == 0 and monotonic() > deadline:
            raise TimeoutError
        if node.__class__ is tuple:
            findings.append(node)
            continue
        if not isinstance(node, AST):
            continue
        steps = [(node.lineno, what) for what in found_at(node)] + children_of(node)
        if node.__class__ in (_ast.ListComp, _ast.SetComp):
            # What is in the generators comes before, and once more in its place.
            steps[:0] = [child for part in node.generators for child in children_of(part)]
        waiting.extend(reversed(steps))
    return findings
