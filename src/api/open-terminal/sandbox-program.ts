/**
 * What is done in the sandbox, and not here: searching with patterns of Python's `re` and `fnmatch`, as Open Terminal has
 * them, and replacing, so that what takes without end costs the session's own time. Called with the name of the work and its
 * arguments as JSON, and what may be large on standard input; prints JSON, or the bytes of an archive.
 */
export const SANDBOX_PROGRAM = `
import fnmatch, json, os, re, sys

def files_below(path):
    if os.path.isfile(path):
        yield path
        return
    for folder, folders, names in os.walk(path):
        for name in sorted(names):
            yield os.path.join(folder, name)

def grep(query, path, regex, case_insensitive, include, match_per_line, max_results):
    if not os.path.exists(path):
        return {"status": 404, "detail": "Search path not found"}
    try:
        pattern = re.compile(query if regex else re.escape(query), re.IGNORECASE if case_insensitive else 0)
    except re.error as error:
        return {"status": 400, "detail": f"Invalid regex: {error}"}
    matches = []
    for name in files_below(path):
        if include and path != name and not any(fnmatch.fnmatch(os.path.basename(name), one) for one in include):
            continue
        try:
            with open(name, encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    if not pattern.search(line):
                        continue
                    found = {"file": name}
                    if match_per_line:
                        found.update(line=number, content=line.rstrip("\\n\\r")[:10_000])
                    matches.append(found)
                    if len(matches) >= max_results:
                        return {"query": query, "path": path, "matches": matches, "truncated": True}
                    if not match_per_line:
                        break
        except (ValueError, OSError):
            continue
    return {"query": query, "path": path, "matches": matches, "truncated": False}

def glob(pattern, path, exclude, type, max_results):
    if not os.path.isdir(path):
        return {"status": 404, "detail": "Search directory not found"}
    matches = []
    for folder, folders, names in os.walk(path):
        entries = [(name, "directory") for name in folders] if type != "file" else []
        entries += [(name, "file") for name in names] if type != "directory" else []
        for name, kind in sorted(entries):
            whole = os.path.join(folder, name)
            relative = os.path.relpath(whole, path)
            fits = lambda one: fnmatch.fnmatch(name, one) or fnmatch.fnmatch(relative, one)
            if not fits(pattern) or any(map(fits, exclude or [])):
                continue
            try:
                facts = os.stat(whole)
            except OSError:
                continue
            matches.append({"path": relative, "type": kind, "size": facts.st_size, "modified": facts.st_mtime})
            if len(matches) >= max_results:
                return {"pattern": pattern, "path": path, "matches": matches, "truncated": True}
    return {"pattern": pattern, "path": path, "matches": matches, "truncated": False}

def entries(path):
    if not os.path.isdir(path):
        return {"status": 404, "detail": "Directory not found"}
    found = []
    for name in sorted(os.listdir(path)):
        whole = os.path.join(path, name)
        try:
            facts = os.stat(whole)
        except OSError:
            continue
        kind = "directory" if os.path.isdir(whole) else "file"
        facts = {"size": facts.st_size, "modified": facts.st_mtime, "writable": os.access(whole, os.W_OK)}
        found.append({"name": name, "type": kind, **facts})
    return {"dir": path, "writable": os.access(path, os.W_OK), "entries": found}

def owners():
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as file:
                name = file.read().strip()
            for fd in os.listdir(f"/proc/{pid}/fd"):
                found[os.readlink(f"/proc/{pid}/fd/{fd}")] = int(pid), name
        except OSError:
            continue
    return found

def ports():
    known, found = owners(), {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as file:
                lines = file.readlines()[1:]
        except OSError:
            continue
        for words in map(str.split, lines):
            if words[3] == "0A":
                port = int(words[1].rpartition(":")[2], 16)
                pid, name = known.get(f"socket:[{words[9]}]", (None, None))
                found.setdefault(port, {"port": port, "pid": pid, "process": name})
    return {"ports": [found[port] for port in sorted(found)]}

def archive(paths):
    import tempfile, zipfile
    for path in paths:
        if not os.path.exists(path):
            return {"status": 404, "detail": f"Path not found: {path}"}
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
            for path in paths:
                for name in files_below(path):
                    base = os.path.dirname(path.rstrip("/"))
                    whole.write(name, os.path.relpath(name, base))
        file.seek(0)
        while piece := file.read(65536):
            sys.stdout.buffer.write(piece)

def line_end(data, start, count):
    for _ in range(count):
        end = data.find(b"\\n", start)
        if end < 0:
            return len(data)
        start = end + 1
    return start

def replace(path, most):
    if not os.path.isfile(path):
        return {"status": 404, "detail": "File not found"}
    with open(path, "rb") as file:
        data = file.read(most + 1)
    too_large = {"status": 413, "detail": f"The file has more than {most} bytes."}
    if len(data) > most:
        return too_large
    for chunk in json.load(sys.stdin):
        target, replacement = (chunk[name].encode("utf-8", "replace") for name in ("target", "replacement"))
        start = line_end(data, 0, (chunk.get("start_line") or 1) - 1)
        last = chunk.get("end_line")
        end = max(start, line_end(data, 0, last)) if last else len(data)
        count = data.count(target, start, end)
        if count == 0:
            return {"status": 400, "detail": f"Target string not found: {json.dumps(chunk['target'][:100])}"}
        if count > 1 and not chunk.get("allow_multiple"):
            return {"status": 400, "detail": f"Found {count} occurrences of target string but allow_multiple is false"}
        if len(data) + count * (len(replacement) - len(target)) > most:
            return too_large
        data = data[:start] + data[start:end].replace(target, replacement) + data[end:]
    import shutil, tempfile
    whole = os.path.realpath(path)
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(whole), delete=False) as file:
        try:
            file.write(data)
            shutil.copymode(whole, file.name)
            os.replace(file.name, whole)
        except BaseException:
            os.unlink(file.name)
            raise
    return {"path": path, "size": len(data)}

told = globals()[sys.argv[1]](**json.loads(sys.argv[2]))
if told is not None:
    print(json.dumps(told))
`
