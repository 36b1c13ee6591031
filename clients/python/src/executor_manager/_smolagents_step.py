"""Is imported by the program of an agent's step, in the sandbox: it gives the program what the steps before
have left, and leaves what the next one needs. It needs nothing but Python."""

import ast
import atexit
import json
import os
import pickle
import sys

DEFINES = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
names = vars(sys.modules["__main__"])
given = set(names)
told = {}
definitions = []


def works(act):
    try:
        act()
    except Exception:
        return False
    return True


def restore():
    """A definition may need a variable, and a variable a class: what failed is tried again."""
    if not os.path.exists("_agent/definitions.py"):
        return
    definitions.extend(ast.parse(open("_agent/definitions.py").read()).body)
    variables = pickle.load(open("_agent/variables", "rb"))
    left = definitions
    for _ in range(2):
        compiled = [(one, compile(ast.Module([one], []), "<before>", "exec")) for one in left]
        left = [one for one, code in compiled if not works(lambda: exec(code, names))]
        for name in list(variables):
            if works(lambda: names.update({name: pickle.loads(variables[name])})):
                del variables[name]


def leave():
    variables = {}
    for name, value in names.items():
        if name not in given and not name.startswith("_agent"):
            works(lambda: variables.update({name: pickle.dumps(value)}))
    if "_agent_value" in names and names["_agent_value"] is not None:
        told["output"] = str(names["_agent_value"])
    code = ast.parse(open(names["__file__"]).read()).body[1:]
    definitions.extend(one for one in code if isinstance(one, DEFINES))
    with open("_agent/definitions.py", "w") as file:
        file.write("\n".join(dict.fromkeys(ast.unparse(one) for one in definitions)))
    with open("_agent/variables", "wb") as file:
        pickle.dump(variables, file)
    with open("_agent/told.json", "w") as file:
        json.dump(told, file)


def hook(kind, error, traceback, usual=sys.excepthook):
    if kind.__name__ == "FinalAnswerException":
        told["answer"] = error.value
    else:
        usual(kind, error, traceback)


restore()
sys.excepthook = hook
atexit.register(leave)
