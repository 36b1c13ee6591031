import base64
import hashlib
import hmac
import os
from urllib.parse import urlencode
import requests

def sign(params, secret):
    message = urlencode(sorted(params.items())).encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()

def main():
    secret = os.environ.get("API_SECRET", "test")
    params = {"symbol": "BTC", "limit": 5}
    params["signature"] = sign(params, secret)
    request = requests.Request("GET", "https://api.example.com/orders", params=params).prepare()
    return request.url.startswith("https://api.example.com/orders?symbol=BTC")
