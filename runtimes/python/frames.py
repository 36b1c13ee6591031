"""The runner's side of its two pipes: frames (u32 length, u8 type, payload; little-endian), see
src/supervisor/protocol.ts."""

import os
import struct

INPUT_FD, CONTROL_FD = 198, 199


def frame(frame_type, payload=b""):
    return struct.pack("<IB", len(payload), frame_type) + payload


def send(frame_type, payload=b""):
    send_bytes(frame(frame_type, payload))


def send_bytes(frames):
    view = memoryview(frames)
    while view:
        view = view[os.write(CONTROL_FD, view) :]


def receive():
    """The next frame as (type, payload); exits when the supervisor is gone."""
    length, frame_type = struct.unpack("<IB", _read_exactly(5))
    return frame_type, _read_exactly(length)


# What was read and not yet used. A whole task mostly comes with one read.
_input = b""


def _read_exactly(length):
    global _input
    parts = [_input]
    missing = length - len(_input)
    while missing > 0:
        part = os.read(INPUT_FD, max(missing, 65536))
        if not part:
            os._exit(0)
        parts.append(part)
        missing -= len(part)
    whole = b"".join(parts)
    _input = whole[length:]
    return whole[:length]
