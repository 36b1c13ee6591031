# Days between dates, weekdays and ends of months.
# arguments: {"start": "2024-02-01", "end": "2024-02-29"}
# result: {"days":28,"weekdays":21,"end_of_month":"2024-02-29","stamp":"2024-01-01T12:30:00","took":5400}
from datetime import date, datetime, timedelta

def main(start, end):
    a, b = date.fromisoformat(start), date.fromisoformat(end)
    days = [a + timedelta(days=i) for i in range((b - a).days + 1)]
    first_next = (b.replace(day=1) + timedelta(days=32)).replace(day=1)
    return {
        "days": (b - a).days,
        "weekdays": sum(d.weekday() < 5 for d in days),
        "end_of_month": first_next - timedelta(days=1),
        "stamp": datetime(2024, 1, 1, 12, 30),
        "took": timedelta(hours=1, minutes=30),
    }
