# tries: to unpack a zip bomb in memory
# expect: resource_limit_exceeded/memory
# within: 5s
import io
import zipfile


def main(**_):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("adversary", "w", force_zip64=True) as file:
            for _ in range(50):
                file.write(bytes(4 << 20))
    return len(zipfile.ZipFile(packed).read("adversary"))
