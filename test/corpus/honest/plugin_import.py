import importlib
import inspect
import platform
import sys

BACKENDS = {"json": "json", "csv": "csv"}

def main():
    module = importlib.import_module("json")
    signature = inspect.signature(module.dumps)
    if sys.platform != "linux":
        sys.exit(1)
    return {"parameters": "indent" in signature.parameters, "system": platform.system()}
