SECONDS_PER_DAY = 24 * 60 * 60
GREETING = "Hello, " + "world"

def compound(principal: float, rate: float, years: int) -> list[float]:
    """Return the balance at the end of each year."""
    balances = []
    for _ in range(years):
        principal *= 1 + rate / 100
        balances.append(round(principal, 2))
    return balances

def main(principal=1000, rate=5, years=3):
    return {"balances": compound(principal, rate, years), "day": SECONDS_PER_DAY, "msg": GREETING}
