# A simulation with classes, dataclasses and enums.
# result: {"level":9,"events":[{"day":0,"kind":"sale","qty":2},{"day":1,"kind":"sale","qty":2},{"day":2,"kind":"sale","qty":2},{"day":3,"kind":"buy","qty":5}]}
from dataclasses import dataclass, field
from enum import Enum
import random

class Kind(Enum):
    SALE = "sale"
    BUY = "buy"

@dataclass
class Event:
    day: int
    kind: Kind
    qty: int

@dataclass
class Stock:
    level: int = 10
    events: list = field(default_factory=list)

    def apply(self, e):
        self.level += e.qty if e.kind is Kind.BUY else -e.qty
        self.events.append(e)

def main(days=3):
    random.seed(3)
    stock = Stock()
    for d in range(days):
        stock.apply(Event(d, Kind.SALE, random.randint(2, 2)))
    stock.apply(Event(days, Kind.BUY, 5))
    return stock
