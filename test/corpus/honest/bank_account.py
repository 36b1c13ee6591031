from dataclasses import dataclass, field
from decimal import Decimal
from threading import Lock

class InsufficientFunds(Exception):
    pass

@dataclass
class Account:
    owner: str
    balance: Decimal = Decimal("0")
    history: list = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def withdraw(self, amount: Decimal) -> None:
        with self._lock:
            if amount > self.balance:
                raise InsufficientFunds(f"{self.owner} has only {self.balance}")
            self.balance -= amount
            self.history.append(("withdraw", str(amount)))

def main():
    account = Account("Ann", Decimal("100.50"))
    account.withdraw(Decimal("20"))
    try:
        account.withdraw(Decimal("500"))
    except InsufficientFunds as e:
        message = str(e)
    return {"balance": str(account.balance), "error": message, "history": account.history}
