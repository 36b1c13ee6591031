"""The code policy: what a program does is looked up in its syntax tree before it runs.

It is advice, not the boundary: whoever wants to get past it will, and is then where every program
is, in the sandbox. The rules come before the run; policy.json beside this file has the usual ones.
``strict`` finds names wherever they stand. ``balanced`` follows what a name stands for: what was
imported, assigned, and put together from constants; scopes are not told apart, so a name stands for
all that it is ever bound to.
"""

from time import monotonic

import _ast
import _warnings
from _ast import AST, Add, Assign, Attribute, BinOp, Call, Constant, Div, FormattedValue, JoinedStr
from _ast import Lambda, List, Mod, Name, Set, Slice, Subscript, Tuple, UnaryOp

ONLY_AST = 0x400  # ast.PyCF_ONLY_AST, without the module that has it

MAX_FINDINGS = 100
MAX_FINDING_CHARACTERS = 200
# Of the strings that an expression may stand for, and of how far a name is followed.
MAX_STRINGS = 16
MAX_DEPTH = 12
NODES_BETWEEN_LOOKS_AT_THE_CLOCK = 4096


def inspector(policy):
    """A function that tells what is wrong with a source (bytes) by this policy."""
    if policy["mode"] == "strict":
        find, rules = strict_findings, policy["rules"]
    else:
        find, rules = balanced_findings, Rules(policy["rules"])
    return lambda source: inspect(source, policy, find, rules)


def inspect(source, policy, find, rules):
    """What is wrong with the source, as text with a line for each finding; None if nothing."""
    if len(source) > policy["maxSourceBytes"]:
        return f"Line -1: Not inspected: longer than {policy['maxSourceBytes']} bytes"
    # The program is compiled once more when it runs: its warnings are due then.
    filters = _warnings.filters[:]
    _warnings.filters[:] = [("ignore", None, Warning, None, 0)]
    _warnings._filters_mutated()
    try:
        findings = find(source, rules, monotonic() + policy["maxMs"] / 1000)
    except TooSlow:
        findings = [(-1, f"Not inspected: it would take longer than {policy['maxMs']} ms")]
    except Exception as error:
        findings = [(-1, f"Not inspected: {type(error).__name__}")]
    finally:
        _warnings.filters[:] = filters
        _warnings._filters_mutated()
    return as_text(findings) if findings else None


class TooSlow(Exception):
    pass


def as_text(findings):
    lines = [f"Line {line}: {what}"[:MAX_FINDING_CHARACTERS] for line, what in findings]
    more = len(lines) - MAX_FINDINGS
    if more > 0:
        lines[MAX_FINDINGS:] = [f"... and {more} more"]
    return "\n".join(lines)


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
            raise TooSlow
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


NOT_OF_A_WORD = bytes(
    byte if bytes([byte]).isalnum() or byte == ord("_") else ord(" ") for byte in range(256)
)


def balanced_findings(source, rules, deadline):
    if source.isascii():
        # Most programs hold no word that a finding could begin with: they need not be parsed.
        words = source.translate(NOT_OF_A_WORD).decode("ascii").split()
        if rules.words.isdisjoint(words):
            return []
    try:
        tree = compile(source, "<unknown>", "exec", ONLY_AST, dont_inherit=True)
    except (RecursionError, MemoryError):
        return [(-1, "Not inspected: nested too deeply")]
    except Exception:
        return []  # It will not run either, and then tells why.
    return Inspection(rules, deadline).of(tree)


class Rules:
    """The rules of ``balanced``, for looking up. A *path* is a module, with or without a member."""

    def __init__(self, rules):
        self.refused_modules = frozenset(rules["refusedModules"])
        self.allowed_members = rules["allowedMembers"]
        self.refused_members = rules["refusedMembers"]
        self.refused_builtins = frozenset(rules["refusedBuiltins"])
        self.attribute_builtins = frozenset(f"builtins.{n}" for n in rules["attributeBuiltins"])
        self.path_calls = frozenset(rules["pathCalls"])
        self.path_prefixes = tuple(rules["pathPrefixes"])
        self.refused_attributes = frozenset(rules["refusedAttributes"])
        self.guarded = {"builtins", *self.allowed_members, *self.refused_members}
        self.builtins = {*rules["refusedBuiltins"], *rules["attributeBuiltins"], "__import__", "vars"}
        self.builtins |= {p[len("builtins.") :] for p in self.path_calls if p.startswith("builtins.")}
        self.words = {
            *(module.rpartition(".")[2] for module in self.refused_modules),
            *(path.rpartition(".")[2] for path in self.path_calls),
            *self.guarded,
            *self.builtins,
            *self.refused_attributes,
            "__builtins__",
            "coding",  # A source in another encoding hides its words.
        }

    def normal(self, path):
        """Modules have modules as members: ``logging.os.system`` is ``os.system``."""
        parts = path.split(".")
        for at in range(len(parts) - 1, 0, -1):
            if parts[at] in self.guarded or parts[at] in self.refused_modules:
                return ".".join(parts[at:])
        return path

    def refuses(self, path):
        module, _, rest = path.partition(".")
        member = rest.partition(".")[0]
        if module in self.refused_modules or f"{module}.{member}" in self.refused_modules:
            return True
        if not member:
            return False
        if module == "builtins" and member in self.refused_builtins:
            return True
        allowed = self.allowed_members.get(module)
        if allowed is not None and member not in allowed:
            return True
        return member in self.refused_members.get(module, ())

    def is_harmless_attribute(self, name):
        is_internal = name.startswith("__") and name not in ("__name__", "__class__", "__doc__")
        return not is_internal and name not in self.refused_attributes

    def is_own_path(self, text):
        """Whether the path leads to a place that is the run's own."""
        if ".." in text.replace("\\", "/").split("/"):
            return False
        return not text.startswith(("/", "~")) or f"{text}/".startswith(self.path_prefixes)


class Parameter:
    """What a function's parameter stands for: the arguments of its calls."""

    def __init__(self, function, index, name, default):
        self.function, self.index, self.name, self.default = function, index, name, default


class Element:
    """What a loop's variable stands for: each element of something."""

    def __init__(self, of):
        self.of = of


UNKNOWN = object()
IMPORTERS = frozenset(["builtins.__import__", "importlib.import_module"])
LISTING = frozenset(["glob.glob", "glob.iglob", "os.listdir"])
PATHS = frozenset(["pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath"])
OWN_FOLDERS = frozenset(["os.getcwd", "pathlib.Path.cwd", "tempfile.gettempdir", "tempfile.mkdtemp"])
SAME_PATH = frozenset(["os.fspath", "os.path.abspath", "os.path.normpath", "os.path.realpath"])
DEFINITIONS = (_ast.FunctionDef, _ast.AsyncFunctionDef)


class Inspection:
    """Of one program: collects what names stand for, then looks at each use."""

    def __init__(self, rules, deadline):
        self.rules = rules
        self.deadline = deadline
        self.bindings = {}
        self.calls_by_name = {}
        self.own = set()  # Names that the program defines for good, at its top level.
        self.accounted = set()  # Nodes whose use is looked at where they are used.
        self.uses = []
        self.following = 0
        self.steps = 0
        self.known = {}

    def of(self, tree):
        for statement in tree.body:
            if isinstance(statement, (*DEFINITIONS, _ast.ClassDef)):
                self.own.add(statement.name)
            elif statement.__class__ is _ast.ImportFrom:
                self.own.update(alias.asname or alias.name for alias in statement.names)
        self.collect(tree)
        found = set()
        for count, node in enumerate(self.uses):
            if count % 256 == 0 and monotonic() > self.deadline:
                raise TooSlow
            for what in self.LOOKS[node.__class__](self, node):
                found.add((node.lineno, node.col_offset, what))
        # One finding for each thing in a line.
        return list(dict.fromkeys((line, what) for line, _, what in sorted(found)))

    # What names stand for

    def collect(self, tree):
        looks, uses, binders = self.LOOKS, self.uses, self.BINDERS
        waiting = [tree]
        count = 0
        while waiting:
            node = waiting.pop()
            kind = node.__class__
            if kind in looks:
                uses.append(node)
            binder = binders.get(kind)
            if binder:
                binder(self, node)
            for field in CHILDREN.get(kind, ()):
                value = getattr(node, field)
                if value.__class__ is list:
                    waiting += value
                elif value is not None:
                    waiting.append(value)
            count += 1
            if count % NODES_BETWEEN_LOOKS_AT_THE_CLOCK == 0 and monotonic() > self.deadline:
                raise TooSlow

    def bind(self, name, meaning):
        self.bindings.setdefault(name, []).append(meaning)

    def bind_target(self, target, value):
        if target.__class__ is Name:
            self.bind(target.id, value)
            if isinstance(value, AST):
                self.accounted.add(id(value))
        elif target.__class__ in (Tuple, List):
            values = [UNKNOWN] * len(target.elts)
            if value.__class__ in (Tuple, List) and len(value.elts) == len(values):
                values = value.elts
            elif value.__class__ is Element and value.of.__class__ in (Tuple, List):
                rows = value.of.elts
                if all(r.__class__ in (Tuple, List) and len(r.elts) == len(values) for r in rows):
                    values = [Element(List(elts=list(c))) for c in zip(*(r.elts for r in rows))]
                    values = values or [UNKNOWN] * len(target.elts)
            for part, meaning in zip(target.elts, values):
                self.bind_target(part, meaning)
        elif target.__class__ is _ast.Starred:
            self.bind_target(target.value, UNKNOWN)

    def bind_import(self, node):
        for alias in node.names:
            if alias.asname:
                self.bind(alias.asname, self.rules.normal(alias.name))
            else:
                first = alias.name.partition(".")[0]
                self.bind(first, first)

    def bind_import_from(self, node):
        for alias in node.names:
            path = f"{node.module}.{alias.name}" if node.module and not node.level else None
            self.bind(alias.asname or alias.name, self.rules.normal(path) if path else UNKNOWN)

    def bind_assign(self, node):
        for target in node.targets:
            self.bind_target(target, node.value)

    def bind_one(self, node):
        self.bind_target(node.target, UNKNOWN if node.value is None else node.value)

    def bind_changed(self, node):
        self.bind_target(node.target, UNKNOWN)

    def bind_loop(self, node):
        self.bind_target(node.target, Element(node.iter))

    def bind_with(self, node):
        if node.optional_vars is not None:
            self.bind_target(node.optional_vars, node.context_expr)

    def bind_definition(self, node):
        self.bind(node.name, UNKNOWN)
        if node.__class__ is not _ast.ClassDef:
            self.bind_parameters(node, node.name)

    def bind_parameters(self, node, function=None):
        args = node.args
        positional = args.posonlyargs + args.args
        defaults = [None] * (len(positional) - len(args.defaults)) + args.defaults
        is_method = bool(positional) and positional[0].arg in ("self", "cls")
        for index, (one, default) in enumerate(zip(positional, defaults)):
            self.bind(one.arg, Parameter(function, index - is_method, one.arg, default))
        for one, default in zip(args.kwonlyargs, args.kw_defaults):
            self.bind(one.arg, Parameter(function, -1, one.arg, default))
        for one in (args.vararg, args.kwarg):
            if one:
                self.bind(one.arg, UNKNOWN)

    def bind_name(self, node):
        if node.name:
            self.bind(node.name, UNKNOWN)

    def note_call(self, node):
        func = node.func
        self.accounted.add(id(func))
        name = func.id if func.__class__ is Name else func.attr if func.__class__ is Attribute else None
        if name:
            self.calls_by_name.setdefault(name, []).append(node)

    def note_base(self, node):
        self.accounted.add(id(node.value))

    BINDERS = {
        _ast.Import: bind_import,
        _ast.ImportFrom: bind_import_from,
        Assign: bind_assign,
        _ast.AnnAssign: bind_one,
        _ast.NamedExpr: bind_one,
        _ast.AugAssign: bind_changed,
        _ast.For: bind_loop,
        _ast.AsyncFor: bind_loop,
        _ast.comprehension: bind_loop,
        _ast.withitem: bind_with,
        _ast.FunctionDef: bind_definition,
        _ast.AsyncFunctionDef: bind_definition,
        _ast.ClassDef: bind_definition,
        Lambda: bind_parameters,
        _ast.ExceptHandler: bind_name,
        _ast.MatchAs: bind_name,
        _ast.MatchStar: bind_name,
        Call: note_call,
        Attribute: note_base,
    }

    def arguments_of(self, parameter):
        """The expressions that a parameter gets; UNKNOWN among them for those not seen."""
        calls = self.calls_by_name.get(parameter.function, ())
        given = []
        for call in calls:
            named = [k.value for k in call.keywords if k.arg == parameter.name]
            spread = any(k.arg is None for k in call.keywords) or any(
                a.__class__ is _ast.Starred for a in call.args
            )
            if named:
                given += named
            elif 0 <= parameter.index < len(call.args):
                given.append(call.args[parameter.index])
            else:
                given.append(UNKNOWN if spread else parameter.default or UNKNOWN)
        # main is called from outside, and so may be what nobody calls here.
        return given if given and parameter.function != "main" else [UNKNOWN]

    def meanings(self, meaning):
        """Follows loops and parameters to the expressions that stand behind them."""
        if meaning.__class__ is Parameter:
            return self.arguments_of(meaning)
        if meaning.__class__ is Element:
            return self.elements(meaning.of)
        return [meaning]

    def elements(self, node):
        if node.__class__ in (List, Tuple, Set):
            return node.elts
        if node.__class__ is _ast.Dict:
            return node.keys
        if node.__class__ is Name and node.id in self.bindings:
            return self.once(Inspection.elements_of_name, node.id, [UNKNOWN])
        if node.__class__ is Call and node.args:
            if node.func.__class__ is Name and node.func.id in ("sorted", "list", "set", "reversed"):
                return self.deeper(lambda: self.elements(node.args[0]), [UNKNOWN])
        return [UNKNOWN]

    def elements_of_name(self, name):
        found = []
        for meaning in self.bindings[name]:
            for one in self.meanings(meaning):
                found += self.elements(one) if isinstance(one, AST) else [UNKNOWN]
        return found[: MAX_STRINGS + 1]

    def deeper(self, look, otherwise):
        """Expressions may be deep, and followed over many names."""
        self.steps += 1
        if self.steps % 256 == 0 and monotonic() > self.deadline:
            raise TooSlow
        if self.following >= MAX_DEPTH:
            return otherwise
        self.following += 1
        try:
            return look()
        finally:
            self.following -= 1

    def once(self, look, name, otherwise):
        """What is known of a name is found out once; names may stand for each other in a circle."""
        key = (look, name)
        if key not in self.known:
            self.known[key] = otherwise
            self.known[key] = self.deeper(lambda: look(self, name), otherwise)
        return self.known[key]

    def paths(self, node):
        """The module paths that an expression may stand for."""
        kind = node.__class__
        if kind is Name:
            return self.paths_of_name(node.id)
        if kind is str:
            return {node}
        if kind is Attribute:
            bases = self.deeper(lambda: self.paths(node.value), ())
            return {self.rules.normal(f"{base}.{node.attr}") for base in bases}
        if kind is Subscript:
            return self.paths_of_item(node)
        if kind is Call:
            return self.paths_of_call(node)
        if kind is _ast.IfExp:
            return {*self.paths(node.body), *self.paths(node.orelse)}
        if kind is _ast.BoolOp:
            return {path for value in node.values for path in self.paths(value)}
        if kind is _ast.NamedExpr:
            return self.paths(node.value)
        return ()

    def paths_of_name(self, name):
        rules = self.rules
        found = set()
        if name not in self.own and name in rules.builtins:
            found.add(f"builtins.{name}")
        if name == "__builtins__":
            found.add("builtins")
        if name in self.bindings:
            found |= self.once(Inspection.paths_of_bindings, name, set())
        return found

    def paths_of_bindings(self, name):
        found = set()
        for meaning in self.bindings[name]:
            for one in self.meanings(meaning):
                if one is not UNKNOWN:
                    found.update(self.paths(one))
        return found

    def paths_of_item(self, node):
        bases = self.deeper(lambda: self.paths(node.value), ())
        if not bases:
            # The one that is picked from what is written out.
            if node.value.__class__ in (List, Tuple):
                return {path for item in node.value.elts for path in self.paths(item)}
            if node.value.__class__ is _ast.Dict:
                return {path for item in node.value.values for path in self.paths(item)}
            return ()
        found = set()
        for key in self.strings(node.slice) or ():
            for base in bases:
                if base == "sys.modules":
                    found.add(self.rules.normal(key))
                elif base.endswith(".__dict__"):
                    found.add(self.rules.normal(f"{base[: -len('.__dict__')]}.{key}"))
                elif base == "builtins":
                    found.add(f"builtins.{key}")
        return found

    def paths_of_call(self, node):
        found = set()
        for path in self.deeper(lambda: self.paths(node.func), ()):
            if not node.args:
                continue
            if path in IMPORTERS:
                names = self.strings(node.args[0]) or ()
                first_only = path == "builtins.__import__" and len(node.args) < 4
                for name in names:
                    found.add(name.partition(".")[0] if first_only else self.rules.normal(name))
            elif path == "builtins.getattr" and len(node.args) > 1:
                for base in self.paths(node.args[0]):
                    for name in self.strings(node.args[1]) or ():
                        found.add(self.rules.normal(f"{base}.{name}"))
            elif path == "builtins.vars":
                found.update(f"{base}.__dict__" for base in self.paths(node.args[0]))
        return found

    def strings(self, node):
        """All the strings that an expression may stand for; None when that is not known."""
        kind = node.__class__
        if kind is Constant:
            return [node.value] if isinstance(node.value, str) else None
        if kind is Name and node.id in self.bindings:
            return self.once(Inspection.strings_of_name, node.id, None)
        if kind is BinOp and node.op.__class__ is Add:
            return self.deeper(lambda: self.joined([node.left, node.right]), None)
        if kind is JoinedStr:
            return self.deeper(lambda: self.joined(node.values), None)
        if kind is FormattedValue and node.format_spec is None:
            return self.strings(node.value)
        if kind is _ast.IfExp:
            return self.deeper(lambda: self.union([node.body, node.orelse]), None)
        if kind is Subscript and node.slice.__class__ is Slice:
            return self.deeper(lambda: self.sliced(node), None)
        if kind is Call and node.func.__class__ is Attribute and node.func.attr == "join":
            separators = self.strings(node.func.value)
            parts = node.args[0] if len(node.args) == 1 else None
            if separators == [""] and parts.__class__ in (List, Tuple):
                return self.deeper(lambda: self.joined(parts.elts), None)
        return None

    def strings_of_name(self, name):
        nodes = [one for meaning in self.bindings[name] for one in self.meanings(meaning)]
        return self.union(nodes)

    def union(self, nodes):
        found = []
        for node in nodes[: MAX_STRINGS + 1]:
            some = self.strings(node) if isinstance(node, AST) else None
            if some is None:
                return None
            found += some
        return found if len(found) <= MAX_STRINGS else None

    def joined(self, nodes):
        found = [""]
        for node in nodes:
            ends = self.strings(node)
            if ends is None or len(found) * len(ends) > MAX_STRINGS:
                return None
            found = [start + end for start in found for end in ends]
        return found

    def sliced(self, node):
        texts = self.strings(node.value)
        bounds = [constant_number(b) for b in (node.slice.lower, node.slice.upper, node.slice.step)]
        if texts is None or UNKNOWN in bounds or bounds[2] == 0:
            return None
        return [text[slice(*bounds)] for text in texts]

    def is_own_path(self, node):
        """Whether a path that a file is opened by leads to a place that is the run's own."""
        return self.deeper(lambda: self.looks_like_own_path(node), False)

    def looks_like_own_path(self, node):
        if not isinstance(node, AST):
            return False
        texts = self.strings(node)
        if texts is not None:
            return all(map(self.rules.is_own_path, texts))
        kind = node.__class__
        if kind is Name:
            return self.once(Inspection.is_name_of_own_path, node.id, False)
        if kind is JoinedStr:
            return self.begins_with_own_path(node.values)
        if kind is FormattedValue:
            return self.is_own_path(node.value)
        if kind is BinOp:
            if node.op.__class__ in (Add, Div):
                return self.begins_with_own_path([node.left, node.right])
            return node.op.__class__ is Mod and self.is_own_template(node.left, "%")
        if kind is Attribute:
            return node.attr in ("name", "stem") and self.is_own_path(node.value)
        if kind is Call:
            return self.is_call_of_own_path(node)
        return False

    def is_name_of_own_path(self, name):
        meanings = [one for m in self.bindings.get(name, ()) for one in self.path_meanings(m)]
        return bool(meanings) and all(m is True or self.is_own_path(m) for m in meanings)

    def path_meanings(self, meaning):
        if meaning.__class__ is Element and meaning.of.__class__ is Call:
            listing = meaning.of
            while listing.__class__ is Call and self.is_sorting(listing) and listing.args:
                listing = listing.args[0]
            if listing.__class__ is Call and LISTING & set(self.paths(listing.func)):
                return [not listing.args or self.is_own_path(listing.args[0])]
            if listing.__class__ is Call and listing.func.__class__ is Attribute:
                if listing.func.attr in ("glob", "rglob", "iterdir"):
                    return [self.is_own_path(listing.func.value)]
        return self.meanings(meaning)

    @staticmethod
    def is_sorting(call):
        return call.func.__class__ is Name and call.func.id in ("sorted", "list", "enumerate")

    def begins_with_own_path(self, nodes):
        if not nodes or not self.is_own_path(nodes[0]) or self.strings(nodes[0]) == [""]:
            return False
        rest = [text for node in nodes[1:] for text in self.strings(node) or ()]
        return not any(".." in text for text in rest)

    def is_own_template(self, node, mark):
        texts = self.strings(node)
        starts = [text.partition(mark)[0] for text in texts or ()]
        return bool(starts) and all(starts) and all(map(self.rules.is_own_path, texts))

    def is_call_of_own_path(self, node):
        paths = set(self.paths(node.func))
        if paths & OWN_FOLDERS or any(path.startswith("tempfile.") for path in paths):
            return True
        if "os.path.join" in paths:
            rest = [text for arg in node.args[1:] for text in self.strings(arg) or ()]
            own = bool(node.args) and self.is_own_path(node.args[0])
            return own and all(map(self.rules.is_own_path, rest))
        if paths & PATHS:
            return all(map(self.is_own_path, node.args))
        if paths & SAME_PATH or (node.func.__class__ is Name and node.func.id == "str"):
            return bool(node.args) and self.is_own_path(node.args[0])
        if node.func.__class__ is Attribute:
            if node.func.attr == "format":
                return self.is_own_template(node.func.value, "{")
            return node.func.attr in ("resolve", "absolute", "with_suffix", "joinpath") and (
                self.is_own_path(node.func.value)
            )
        return False

    # What is found

    def look_at_import(self, node):
        for alias in node.names:
            if self.rules.refuses(alias.name):
                yield f"Import: {alias.name}"

    def look_at_import_from(self, node):
        if not node.module or node.level:
            return
        if self.rules.refuses(node.module):
            yield f"From Import: {node.module}"
            return
        for alias in node.names:
            path = self.rules.normal(f"{node.module}.{alias.name}")
            is_all = alias.name == "*" and node.module in self.rules.guarded
            if is_all or self.rules.refuses(path):
                yield f"From Import: {node.module}.{alias.name}"

    def look_at_name(self, node):
        if id(node) in self.accounted:
            return
        if node.id in self.bindings and node.id in self.rules.builtins:
            return  # A variable that is called like a builtin.
        for path in self.paths_of_name(node.id):
            if path in self.rules.guarded:
                yield f"Module as a value: {node.id}"
            elif node.id not in self.bindings and path != "builtins.vars":
                yield f"Use of: {node.id}"

    def look_at_attribute(self, node):
        if node.attr in self.rules.refused_attributes:
            yield f"Attribute Access: {node.attr}"
        for path in self.paths(node):
            is_of_variable = path.startswith("builtins.") and node.value.__class__ is Name
            if is_of_variable and node.value.id in self.rules.builtins and node.value.id in self.bindings:
                continue  # Of a variable that is called like a builtin.
            if self.rules.refuses(path):
                yield f"Attribute Access: {path}"
            elif id(node) not in self.accounted and (
                path in self.rules.guarded
                or path in self.rules.path_calls
                or path in self.rules.attribute_builtins
                or path in IMPORTERS
            ):
                yield f"Use of: {path}"

    def look_at_item(self, node):
        bases = self.paths(node.value)
        if any(base in self.rules.guarded for base in bases) and self.strings(node.slice) is None:
            yield "Module as a value"
        for path in self.paths_of_item(node):
            if self.rules.refuses(path):
                yield f"Use of: {path}"

    def look_at_call(self, node):
        for path in self.paths(node.func):
            name = path[len("builtins.") :] if path.startswith("builtins.") else path
            if path in IMPORTERS:
                if not node.args or self.strings(node.args[0]) is None:
                    yield f"Call: {name}"
            elif path in self.rules.attribute_builtins:
                if not self.is_harmless_access(node):
                    yield f"Call: {name}"
            elif path in self.rules.path_calls:
                if not self.opens_own_path(node):
                    yield f"Call: {name}"
            elif self.rules.refuses(path) and node.func.__class__ is not Attribute:
                yield f"Call: {name}"
        for path in self.paths_of_call(node):
            if self.rules.refuses(path):
                yield f"Use of: {path}"

    def is_harmless_access(self, node):
        if len(node.args) < 2:
            return False
        target, name = node.args[:2]
        names = self.strings(name)
        if names is not None:
            return all(map(self.rules.is_harmless_attribute, names))
        if self.rules.guarded & set(self.paths(target)):
            return False
        if target.__class__ is Name and target.id in ("self", "cls"):
            return True
        first = name.values[0] if name.__class__ is JoinedStr and name.values else None
        if name.__class__ is BinOp:
            first = name.left
        starts = self.strings(first) if first is not None else None
        return bool(starts) and all(text and not text.startswith("_") for text in starts)

    def opens_own_path(self, node):
        given = [k.value for k in node.keywords if k.arg in ("file", "filename", "name", "path", "top")]
        given = node.args[:1] or given
        # Of the calls that need no path, each means the working directory.
        return self.is_own_path(given[0]) if given else not node.keywords

    LOOKS = {
        _ast.Import: look_at_import,
        _ast.ImportFrom: look_at_import_from,
        Name: look_at_name,
        Attribute: look_at_attribute,
        Subscript: look_at_item,
        Call: look_at_call,
    }


def constant_number(node):
    if node is None:
        return None
    if node.__class__ is UnaryOp and node.op.__class__ is _ast.USub:
        number = constant_number(node.operand)
        return -number if isinstance(number, int) else UNKNOWN
    if node.__class__ is Constant and isinstance(node.value, int):
        return node.value
    return UNKNOWN
