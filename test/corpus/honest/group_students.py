from itertools import groupby, combinations
from operator import itemgetter, attrgetter
from typing import NamedTuple

class Student(NamedTuple):
    name: str
    grade: str
    score: int

def main():
    students = [Student("A", "x", 3), Student("B", "y", 5), Student("C", "x", 4)]
    ordered = sorted(students, key=attrgetter("grade", "score"))
    groups = {k: [s.name for s in g] for k, g in groupby(ordered, key=itemgetter(1))}
    return {"groups": groups, "pairs": len(list(combinations(students, 2)))}
