"""A notebook of cells that need each other, written to the file that is named."""

import json
import sys

CELLS = ["x = 6", "print(x * 7)", "import matplotlib.pyplot as p\np.plot([1, 2])\np.show()"]
PARTS = {"metadata": {}, "execution_count": None, "outputs": []}
SPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}

cells = [{"cell_type": "code", "id": str(at), "source": code, **PARTS} for at, code in enumerate(CELLS)]
with open(sys.argv[1], "w") as file:
    json.dump({"cells": cells, "metadata": {"kernelspec": SPEC}, "nbformat": 4, "nbformat_minor": 5}, file)
