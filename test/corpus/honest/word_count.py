from collections import Counter
import string

def main(text="The quick brown fox. The lazy dog!"):
    cleaned = text.lower().translate(str.maketrans("", "", string.punctuation))
    return Counter(cleaned.split()).most_common(2)
