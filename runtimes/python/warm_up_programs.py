"""Programs of our own, with which the way of a run is walked before the first run."""

SOURCE = """
import math

class Shape:
    def __init__(self, side):
        self.side = side

    def area(self):
        return math.pow(self.side, 2)

def main(items=(), **rest):
    total = sum(i["value"] for i in items)
    return {"total": total, "text": f"{total:.2f}", "area": Shape(2).area(), "rest": sorted(rest)}
"""
# Of each kind of finding and of what is none, so that the way through the inspection is warm.
INSPECTION = b"""
import os as o, sys
from os import path
NAMES = ["a", "b"]
class Report:
    def save(self, name, rows=()):
        with open(f"artifacts/{name}.csv", "w") as file, open(path.join("artifacts", name)) as other:
            file.write("\\n".join(str(row) for row in rows))
def main(x=1):
    for name in NAMES:
        getattr(x, name)
    Report().save("r", rows=[{"k": v} for v in range(3)])
    run = o.system
    return [run("x"), eval("1" + "2"), lambda: __import__("os").popen, open(x), sys.modules["os"]]
"""
ARGUMENTS = b'{"items": [{"value": 1}, {"value": 2.5}], "name": "\\u00e9"}'
