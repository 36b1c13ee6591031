import re

EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")

def main(text="Mail anna@example.org before 2024-05-01 or bob@test.com"):
    return {"emails": EMAIL.findall(text), "dates": ["-".join(m) for m in DATE.findall(text)]}
