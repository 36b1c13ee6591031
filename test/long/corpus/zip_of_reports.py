# Several small reports in one archive.
# arguments: {"names": ["a", "b", "李"]}
# result: ["a.txt","b.txt","李.txt"]
# file: reports.zip application/zip
import zipfile
from pathlib import Path

def main(names):
    folder = Path("reports")
    folder.mkdir()
    for n in names:
        (folder / f"{n}.txt").write_text(f"Report of {n}", encoding="utf-8")
    with zipfile.ZipFile("reports.zip", "w", zipfile.ZIP_DEFLATED) as z:
        for path in sorted(folder.iterdir()):
            z.write(path, path.name)
            path.unlink()
    with zipfile.ZipFile("reports.zip") as z:
        return z.namelist()
