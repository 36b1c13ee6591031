# A chart that can be zoomed, shown.
# needs: plotly
# result: 1
# file: figure-1.html text/html
import plotly.express as px
import pandas as pd

def main():
    df = pd.DataFrame({"x": [1, 2, 3], "y": [3, 1, 2]})
    fig = px.line(df, x="x", y="y", title="Line")
    fig.show()
    return len(fig.data)
