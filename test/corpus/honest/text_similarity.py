import difflib
import unicodedata

def normalize(text):
    text = unicodedata.normalize("NFKD", text)
    return "".join(c for c in text if not unicodedata.combining(c)).lower()

def main(a="Café Müller", b="cafe muller"):
    return {"ratio": round(difflib.SequenceMatcher(None, normalize(a), normalize(b)).ratio(), 2)}
