"""Installs the libraries of a template, in a sandbox that reaches the package index and nothing else.

Run as ``python3 -I -B install.py MANIFEST INDEX ...``: a requirements file, and paths of the indexes behind the
socket ``/run/index/socket``. Standard output is for the manager alone: see src/templates/layer-stream.ts. What pip says
goes to standard error.
"""

import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
from importlib.metadata import PathDistribution, distributions
from pathlib import Path

WORK = Path("/workspace")
VENV = WORK / "venv"
SITE = VENV / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
BASE = Path(f"/usr/local/lib/python{sys.version_info[0]}.{sys.version_info[1]}/dist-packages")
TOOLS = "/run/tools"
SOCKET = "/run/index/socket"
MAX_WHY = 4000
NOT_LIBRARIES = {"bin", "__pycache__"}

out = os.fdopen(os.dup(1), "wb")
# What is printed by accident must not come between the parts.
os.dup2(2, 1)


def tell(head, content=b""):
    text = json.dumps(head).encode()
    out.write(struct.pack("<I", len(text)) + text + content)


def relay():
    """A port of this sandbox that leads to the manager's socket."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def serve():
        while True:
            near, _ = listener.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(SOCKET)
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def make_environment():
    """A virtual environment that sees the image's own libraries, so that only what differs is installed."""
    SITE.mkdir(parents=True)
    (VENV / "bin").mkdir()
    (VENV / "bin/python3").symlink_to("/usr/bin/python3")
    (VENV / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = true\n")
    for name in ("tmp", "home"):
        (WORK / name).mkdir()


def pip(manifest, indexes):
    port = relay()
    urls = [f"http://127.0.0.1:{port}{path}" for path in indexes]
    command = [VENV / "bin/python3", "-B", f"{TOOLS}/pip", "install", "--requirement", manifest]
    command += ["--index-url", urls[0], *(word for url in urls[1:] for word in ("--extra-index-url", url))]
    command += ["--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    command += ["--no-compile", "--no-warn-script-location", "--retries=2"]
    if manifest.endswith(".lock"):
        command += ["--require-hashes", "--no-deps"]
    environment = {"PATH": f"{VENV}/bin:/usr/local/bin:/usr/bin:/bin", "HOME": f"{WORK}/home"}
    environment.update(TMPDIR=f"{WORK}/tmp", LANG="C.UTF-8", PIP_CONFIG_FILE="/dev/null")
    lines = []
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            lines.append(line)
            del lines[:-400]
            print(line[:400], file=sys.stderr, flush=True)
            if re.match(r"\s*(Collecting|Downloading|Building|Installing) ", line):
                text = re.sub(r"https?://\S+/", "", line.strip())
                tell({"kind": "progress", "text": re.sub(r" \(from .*", "", text)[:200]})
                out.flush()
    return process.returncode, lines


def why_it_failed(lines):
    """The sentences of pip that say which requirement and why, with what its build printed last."""
    errors = [line.strip() for line in lines if re.match(r"\s*(ERROR|error): ", line)]
    collecting = [m[1] for line in lines if (m := re.match(r"\s*Collecting (\S+)", line))]
    conflict = next((n for n, line in enumerate(lines) if "The conflict is caused by" in line), None)
    text = " ".join(dict.fromkeys(errors[:3]))
    if conflict is not None:
        text += " " + " ".join(line.strip() for line in lines[conflict : conflict + 6] if line.strip())
    if any("exited with" in line or "subprocess-exited" in line for line in lines):
        start = next((n for n, line in enumerate(lines) if "lines of output]" in line), None)
        rest = [line.strip() for line in lines[start + 1 :]] if start is not None else []
        end = next((n for n, line in enumerate(rest) if "[end of output]" in line), len(rest))
        said = [line for line in rest[:end] if line][-3:]
        text = f"{collecting[-1] if collecting else 'a package'} could not be built: {' '.join(said)} {text}"
    return (text or " ".join(lines[-3:]) or "pip ended without a word")[:MAX_WHY]


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def compile_all():
    """Without the time of the source in it, and with the place where the library will lie."""
    command = ["/usr/bin/python3", "-I", "-m", "compileall", "-q", "-s", str(SITE), "-p", str(BASE)]
    subprocess.run([*command, "--invalidation-mode", "unchecked-hash", str(SITE)], stdout=2)


def replaced(names):
    """Files and folders of the image's own libraries that others of the same name take the place of."""
    paths = set()
    for old in distributions(path=[str(BASE)]):
        if normal(old.metadata["Name"]) not in names:
            continue
        for file in old.files or []:
            if ".." not in file.parts and not file.is_absolute():
                paths.add(file.parts[0] if len(file.parts) > 1 else str(file))
                if len(file.parts) > 1 and is_shared(file.parts[0]):
                    paths.discard(file.parts[0])
                    paths.add(str(file))
        paths.add(old._path.name)
    return sorted(paths)


def is_shared(folder):
    """A folder of several distributions: a namespace without an __init__.py."""
    return not (BASE / folder / "__init__.py").exists() and not folder.endswith((".dist-info", ".libs"))


def tell_layer():
    for root, folders, files in os.walk(SITE):
        relative = Path(root).relative_to(SITE)
        folders[:] = sorted(f for f in folders if not (relative == Path(".") and f in NOT_LIBRARIES))
        for name in sorted(files):
            path = Path(root) / name
            if path.is_symlink() or not path.is_file() or name.endswith(".virtualenv"):
                continue
            content = path.read_bytes()
            executable = bool(path.stat().st_mode & 0o100)
            head = {"kind": "file", "path": str(relative / name), "size": len(content), "executable": executable}
            tell(head, content)


def main(manifest, indexes):
    make_environment()
    code, lines = pip(manifest, indexes)
    if code != 0:
        tell({"kind": "failed", "why": why_it_failed(lines)})
        out.flush()
        return
    compile_all()
    installed = [PathDistribution(path) for path in SITE.glob("*.dist-info")]
    libraries = {normal(one.metadata["Name"]): one.version for one in installed}
    tell_layer()
    tell({"kind": "done", "libraries": libraries, "replaces": replaced(set(libraries))})
    out.flush()


main(sys.argv[1], sys.argv[2:])
