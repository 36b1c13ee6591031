import json
from pathlib import Path

OUT = Path("artifacts")

def save_json(name, data):
    target = OUT / f"{name}.json"
    with open(target, "w", encoding="utf-8") as f:
        json.dump(data, f, indent=2, ensure_ascii=False)
    return str(target)

def main():
    OUT.mkdir(exist_ok=True)
    path = save_json("config", {"debug": True, "größe": 3})
    return json.loads(Path(path).read_text(encoding="utf-8"))
