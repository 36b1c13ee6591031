# Sort texts into classes.
# needs: sklearn
# result: ["pos","neg"]
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

def main():
    texts = ["good great fine", "great nice good", "bad awful", "awful poor bad"]
    model = make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(texts, ["pos", "pos", "neg", "neg"])
    return model.predict(["nice and good", "poor"])
