# Checked records as a result.
# needs: pydantic
# arguments: {"rows": [{"number": "7", "due": "2024-05-01", "tags": ["b", "a"]}]}
# result: [{"number":7,"due":"2024-05-01","tags":["a","b"]}]
from datetime import date
from pydantic import BaseModel

class Order(BaseModel):
    number: int
    due: date
    tags: set[str] = set()

def main(rows):
    return [Order(**row) for row in rows]
