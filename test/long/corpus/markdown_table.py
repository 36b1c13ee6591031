# A table as Markdown.
# needs: tabulate
# result: "|   a | b   |"
# stdout: "|   a | b   |"
import pandas as pd

def main():
    df = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    print(df.to_markdown(index=False))
    return df.to_markdown(index=False).splitlines()[0]
