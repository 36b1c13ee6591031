import os
import tempfile

def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "data.txt")
        with open(path, "w") as f:
            f.write("hello")
        size = os.path.getsize(path)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as tmp:
        tmp.write("x")
    with open(tmp.name) as f:
        return {"size": size, "content": f.read()}
