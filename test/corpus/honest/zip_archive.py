import io
import zipfile
import gzip

def main():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "hello")
    with zipfile.ZipFile(buffer) as archive, archive.open("a.txt") as entry:
        text = entry.read().decode()
    with gzip.open("artifacts/data.json", "wt") as f:
        f.write("{}")
    return text
