# Errors by hour from a log.
# result: {"hours":{"10":1,"11":2},"kinds":{"disk full":["10"],"timeout":["11"]}}
import re
from collections import defaultdict

LOG = """2024-05-01 10:00:01 ERROR disk full
2024-05-01 10:30:00 INFO ok
2024-05-01 11:02:03 ERROR timeout
2024-05-01 11:59:59 ERROR timeout
"""

def main():
    hours = defaultdict(int)
    kinds = defaultdict(set)
    for m in re.finditer(r"^(\S+) (\d\d):\S+ ERROR (.+)$", LOG, re.M):
        hours[m[2]] += 1
        kinds[m[3]].add(m[2])
    return {"hours": hours, "kinds": kinds}
