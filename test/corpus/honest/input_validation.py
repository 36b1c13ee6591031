from enum import Enum

class Level(Enum):
    LOW = 1
    HIGH = 2

def validate(input, compile=None, open=True):
    errors = []
    if not isinstance(input, dict):
        raise TypeError("input must be a dict, got " + type(input).__name__)
    for field in ("name", "level"):
        if field not in input:
            errors.append("missing " + field)
    if hasattr(Level, input.get("level", "")):
        level = getattr(Level, "HIGH")
        print(level.name, open)
    return errors

def main():
    return validate({"name": "x", "level": "LOW"})
