import glob
import os

def main():
    for i in range(3):
        with open(f"artifacts/part_{i}.csv", "w") as f:
            f.write(f"{i},{i * i}\n")
    lines = []
    for path in sorted(glob.glob("artifacts/part_*.csv")):
        with open(path) as f:
            lines.extend(f.read().splitlines())
        os.remove("artifacts/" + os.path.basename(path))
    with open(os.path.join("artifacts", "merged.csv"), "w") as f:
        f.write("\n".join(lines))
    return {"lines": lines, "left": os.listdir("artifacts")}
