from datetime import datetime, timedelta, timezone

def main(start="2024-01-30", days=3):
    first = datetime.strptime(start, "%Y-%m-%d").replace(tzinfo=timezone.utc)
    return [(first + timedelta(days=i)).date().isoformat() for i in range(days)]
