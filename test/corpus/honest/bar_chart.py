import os
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

OUTPUT_DIR = "artifacts"

def main(months=("Jan", "Feb", "Mar"), values=(3, 7, 5)):
    os.makedirs(OUTPUT_DIR, exist_ok=True)
    fig, ax = plt.subplots(figsize=(4, 3))
    ax.bar(months, values, color="steelblue")
    ax.set_title("Monthly sales")
    plt.tight_layout()
    path = os.path.join(OUTPUT_DIR, "sales.png")
    plt.savefig(path)
    plt.close()
    return {"chart": path, "exists": os.path.exists(path)}
