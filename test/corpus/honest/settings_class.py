class Settings:
    DEFAULTS = {"color": "blue", "size": 3}

    def __init__(self, **overrides):
        for key, value in {**self.DEFAULTS, **overrides}.items():
            setattr(self, key, value)

    def as_dict(self):
        return {key: getattr(self, key) for key in self.DEFAULTS}

    def __repr__(self):
        return f"{self.__class__.__name__}({self.__dict__})"

def main(size=5):
    settings = Settings(size=size)
    print(settings)
    return settings.as_dict()
