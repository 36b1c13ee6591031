import calendar
from datetime import date, timedelta

def is_business_day(d: date) -> bool:
    return d.weekday() < 5

def main(year=2024, month=2):
    _, last = calendar.monthrange(year, month)
    days = [date(year, month, d) for d in range(1, last + 1)]
    return sum(map(is_business_day, days))
