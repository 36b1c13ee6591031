"""The code policy's mode ``balanced``.

It refuses modules, members of modules, builtins and attributes. It knows what a name
stands for by imports and by assignments of a module, a function or a constant text. It does not follow
values through calls and data structures.
"""

from time import monotonic

import _ast
from _ast import AST, Add, Attribute, BinOp, Call, Constant, FormattedValue, JoinedStr, Name, Subscript

ONLY_AST = 0x400  # ast.PyCF_ONLY_AST, without importing the module that has it
MAX_DEPTH = 12  # Of how far a name is followed.
NODES_BETWEEN_LOOKS_AT_THE_CLOCK = 4096

IMPORTERS = frozenset(["builtins.__import__", "importlib.import_module"])
INDIRECT = ("getattr", "vars", "__dict__", "modules", "__import__", "import_module", "__builtins__")
FUNCTIONS = frozenset([_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.Lambda])
ASSIGNING = frozenset([_ast.Assign, _ast.AnnAssign, _ast.NamedExpr])
NAMED = frozenset([_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.ClassDef, Name])
BINDING = frozenset([_ast.Import, _ast.ImportFrom]) | ASSIGNING | NAMED
FIELDS = {}  # Of each class of nodes, those that can hold nodes.
NO_NODES = frozenset(["ctx", "op", "ops", "id", "attr", "kind", "conversion", "level"])
FOLLOWED = frozenset([str, Attribute, Subscript, Call, _ast.IfExp, _ast.NamedExpr])
BUILTIN_NAMES = {"__builtins__": "builtins"}
UNKNOWN_NAME = "The name of the module is not known before the program runs; write it as a constant text."


def balanced_findings(source, rules, deadline):
    try:
        tree = compile(source, "<unknown>", "exec", ONLY_AST, dont_inherit=True)
    except (RecursionError, MemoryError):
        return [(-1, "Not inspected: nested too deeply")]
    except Exception:
        return []  # It does not run either, and then tells why.
    return Inspection(rules, deadline).of(tree)


class Rules:
    """The rules of ``balanced``: the advice by what is refused. A *path* is ``module.member``."""

    def __init__(self, rules):
        def advice(kind):
            return {name: why for why, names in rules[kind].items() for name in names}

        self.modules, self.members = advice("modules"), advice("members")
        self.builtins, self.attributes = advice("builtins"), advice("attributes")
        self.any_member = {path.partition(".")[0]: why for path, why in self.members.items()}
        self.owners = {*self.any_member, "builtins", "importlib"}
        names = [*self.modules, *self.members, *self.builtins, *self.attributes, *INDIRECT, *self.any_member]
        self.words = {name.rpartition(".")[2] for name in names}
        self.words.add("coding")  # A source in another encoding hides its words.

    def normal(self, path):
        """Modules have modules as members: ``logging.os.system`` is ``os.system``."""
        parts = path.split(".")
        for at in range(len(parts) - 1, 0, -1):
            if parts[at] in self.owners or parts[at] in self.modules:
                return ".".join(parts[at:])
        return path

    def advice(self, path):
        """The advice where the module or its member is refused, else None."""
        parts = path.split(".")
        if parts[0] == "builtins":
            return self.builtins.get(parts[1]) if len(parts) > 1 else None
        if parts[-1] == "*":  # Any member, by a name that is not known.
            return self.any_member.get(parts[0])
        for end in range(len(parts), 0, -1):
            part = ".".join(parts[:end])
            why = self.modules.get(part) or self.members.get(part)
            if why:
                return why
        return None


class Inspection:
    """Of one program: collects what names stand for, then looks at each use."""

    def __init__(self, rules, deadline):
        self.rules, self.deadline = rules, deadline
        self.bindings = {}  # What is assigned to a name: paths and expressions.
        self.uses = []  # Nodes to look at, each with the parameters that hide builtins there.
        self.known = {}  # The paths of each name that is bound.
        self.depth = 0

    def of(self, tree):
        self.collect(tree)
        found = set()
        for count, (node, hidden) in enumerate(self.uses):
            if count % 256 == 0 and monotonic() > self.deadline:
                raise TimeoutError
            self.hidden = hidden
            for what, why in self.LOOKS[node.__class__](self, node):
                found.add((node.lineno, f"{what}. {why}"))
        return sorted(found)

    def collect(self, tree):
        waiting = [(tree, frozenset())]
        count = 0
        while waiting:
            node, hidden = waiting.pop()
            count += 1
            if count % NODES_BETWEEN_LOOKS_AT_THE_CLOCK == 0 and monotonic() > self.deadline:
                raise TimeoutError
            kind = node.__class__
            if kind in FUNCTIONS:
                given = node.args
                parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
                hidden = hidden | {one.arg for one in parameters if one}
            if kind in BINDING:
                self.bind(node, kind)
            if kind in self.LOOKS:
                self.uses.append((node, hidden))
            if kind not in FIELDS:
                FIELDS[kind] = [field for field in node._fields if field not in NO_NODES]
            for field in FIELDS[kind]:
                value = getattr(node, field)
                if value.__class__ is list:
                    waiting += [(item, hidden) for item in value if isinstance(item, AST)]
                elif isinstance(value, AST):
                    waiting.append((value, hidden))

    def bind(self, node, kind):
        if kind is _ast.Import:
            for alias in node.names:
                first = alias.name.partition(".")[0]
                self.add(alias.asname or first, self.rules.normal(alias.name) if alias.asname else first)
        elif kind is _ast.ImportFrom:
            for alias in node.names:
                self.add(alias.asname or alias.name, self.rules.normal(f"{node.module}.{alias.name}"))
        elif kind in ASSIGNING:
            for target in node.targets if kind is _ast.Assign else [node.target]:
                self.add(getattr(target, "id", None), node.value)
        elif kind is not Name:
            self.add(node.name, None)
        elif node.ctx.__class__ is _ast.Store:
            self.add(node.id, None)

    def add(self, name, meaning):
        self.bindings.setdefault(name, []).append(meaning)

    def deeper(self, follow, node):
        if self.depth >= MAX_DEPTH:
            return ()
        self.depth += 1
        try:
            return follow(node) or ()
        finally:
            self.depth -= 1

    def paths(self, node):
        """The paths that an expression may stand for."""
        if node.__class__ is Name:
            if node.id in self.bindings:
                if node.id not in self.known:
                    self.known[node.id] = ()  # Names may stand for each other in a circle.
                    meanings = self.bindings[node.id]
                    self.known[node.id] = {p for one in meanings if one for p in self.paths(one)}
                return self.known[node.id]
            return () if node.id in self.hidden else (BUILTIN_NAMES.get(node.id, f"builtins.{node.id}"),)
        return self.deeper(self.paths_of, node) if node.__class__ in FOLLOWED else ()

    def paths_of(self, node):
        kind = node.__class__
        if kind is str:
            return [node]
        if kind is Attribute:
            return [self.rules.normal(f"{base}.{node.attr}") for base in self.paths(node.value)]
        if kind is Subscript:
            key = self.text(node.slice)
            bases = self.paths(node.value) if key is not None else ()
            named = [key for base in bases if base == "sys.modules"]
            whole = [base.removesuffix(".__dict__") for base in bases]
            return named + [f"{one}.{key}" for one in whole if one in self.rules.owners]
        if kind is Call:
            return self.paths_of_call(node) if node.args else ()
        if kind is _ast.IfExp:
            return [*self.paths(node.body), *self.paths(node.orelse)]
        return self.paths(node.value)

    def paths_of_call(self, node):
        found = []
        for path in self.paths(node.func):
            if path in IMPORTERS and self.text(node.args[0]) is not None:
                found.append(self.text(node.args[0]))
            elif path == "builtins.getattr" and len(node.args) > 1:
                name = self.text(node.args[1]) or "*"
                found += [self.rules.normal(f"{base}.{name}") for base in self.paths(node.args[0])]
            elif path == "builtins.vars":
                found += [f"{base}.__dict__" for base in self.paths(node.args[0])]
        return found

    def text(self, node):
        """The text that an expression stands for; None when it is not known."""
        return "".join(self.deeper(self.pieces, node)) or None

    def pieces(self, node):
        kind = node.__class__
        if kind is Constant:
            return [node.value] if isinstance(node.value, str) else None
        if kind is FormattedValue and node.format_spec is None:
            return self.deeper(self.pieces, node.value)
        if kind is Name and len(self.bindings.get(node.id, ())) == 2:  # The assignment and its target.
            parts = [one for one in self.bindings[node.id] if one is not None]
        elif kind is BinOp and node.op.__class__ is Add:
            parts = [node.left, node.right]
        else:
            parts = node.values if kind is JoinedStr else ()
        pieces = [self.deeper(self.pieces, part) for part in parts]
        return [text for piece in pieces for text in piece] if all(pieces) else None

    # What is found: pairs of what, and why.

    def look_at_import(self, node):
        return [(f"Import: {a.name}", w) for a in node.names if (w := self.rules.advice(a.name))]

    def look_at_import_from(self, node):
        if not node.module or node.level:
            return []
        paths = [self.rules.normal(f"{node.module}.{alias.name}") for alias in node.names]
        return [(f"From Import: {path}", w) for path in paths if (w := self.rules.advice(path))]

    def look_at_name(self, node):
        if node.ctx.__class__ is _ast.Load and node.id not in self.bindings and node.id not in self.hidden:
            if why := self.rules.builtins.get(node.id):
                return [(f"Use of: {node.id}", why)]
        return []

    def look_at_value(self, node):
        found = [(f"Use of: {path}", w) for path in self.paths(node) if (w := self.rules.advice(path))]
        if node.__class__ is Attribute and (why := self.rules.attributes.get(node.attr)):
            found.append((f"Attribute Access: {node.attr}", why))
        if node.__class__ is Call:
            for path in self.paths(node.func):
                if path in IMPORTERS and node.args and self.text(node.args[0]) is None:
                    found.append((f"Call: {path.removeprefix('builtins.')}", UNKNOWN_NAME))
        return found

    LOOKS = {
        _ast.Import: look_at_import,
        _ast.ImportFrom: look_at_import_from,
        Name: look_at_name,
        Attribute: look_at_value,
        Subscript: look_at_value,
        Call: look_at_value,
    }
