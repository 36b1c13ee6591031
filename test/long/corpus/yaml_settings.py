# Read settings, write them as YAML.
# needs: yaml
# result: {"a":1,"list":["x","2024-01-01"]}
# file: settings.yaml application/yaml
import yaml

def main():
    settings = yaml.safe_load("a: 1\nlist:\n  - x\n  - 2024-01-01\n")
    with open("settings.yaml", "w") as f:
        yaml.safe_dump(settings, f)
    return settings
