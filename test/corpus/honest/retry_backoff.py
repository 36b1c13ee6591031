import time
import logging
from functools import wraps

logging.basicConfig(level=logging.INFO)
logger = logging.getLogger(__name__)

def retry(times=3, delay=0.01, exceptions=(Exception,)):
    def decorator(func):
        @wraps(func)
        def wrapper(*args, **kwargs):
            for attempt in range(1, times + 1):
                try:
                    return func(*args, **kwargs)
                except exceptions as exc:
                    logger.warning("Attempt %d of %s failed: %s", attempt, func.__name__, exc)
                    if attempt == times:
                        raise
                    time.sleep(delay * 2 ** attempt)
        return wrapper
    return decorator

calls = 0

@retry(times=3, exceptions=(ValueError,))
def flaky():
    global calls
    calls += 1
    if calls < 3:
        raise ValueError("not yet")
    return "done"

def main():
    return flaky()
