# Convert a time between zones.
# result: {"UTC":"2024-07-01T01:00:00+00:00","America/New_York":"2024-06-30T21:00:00-04:00","Europe/Berlin":"2024-07-01T03:00:00+02:00"}
from datetime import datetime
from zoneinfo import ZoneInfo

def main():
    t = datetime(2024, 7, 1, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
    return {z: t.astimezone(ZoneInfo(z)) for z in ("UTC", "America/New_York", "Europe/Berlin")}
