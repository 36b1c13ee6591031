import requests

API_URL = "https://api.example.com/v1/users"

def fetch_users(session, page):
    response = session.get(API_URL, params={"page": page}, timeout=2)
    response.raise_for_status()
    return response.json()["items"]

def main(page=1):
    session = requests.Session()
    session.headers.update({"Accept": "application/json"})
    try:
        return {"ok": True, "users": fetch_users(session, page)}
    except requests.exceptions.RequestException as error:
        return {"ok": False, "error": type(error).__name__}
