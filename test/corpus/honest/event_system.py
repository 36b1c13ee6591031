from collections import defaultdict
from contextlib import contextmanager

class EventBus:
    def __init__(self):
        self._handlers = defaultdict(list)

    def on(self, event):
        def register(func):
            self._handlers[event].append(func)
            return func
        return register

    def emit(self, event, **payload):
        return [handler(**payload) for handler in self._handlers[event]]

bus = EventBus()

@bus.on("start")
def started(name):
    return f"{name} started"

@contextmanager
def tracking(log):
    log.append("in")
    try:
        yield log
    finally:
        log.append("out")

def main():
    log = []
    with tracking(log):
        log += bus.emit("start", name="job")
    return log
