# A plot as base64 text in the result, as some prompts ask for.
# result: {"head":"iVBORw0KGgo","long":true}
import base64
import io
import matplotlib.pyplot as plt

def main():
    plt.figure(figsize=(2, 2))
    plt.plot([1, 2])
    buf = io.BytesIO()
    plt.savefig(buf, format="png")
    buf.seek(0)
    data = base64.b64encode(buf.read()).decode()
    return {"head": data[:11], "long": len(data) > 1000}
