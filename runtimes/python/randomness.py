"""Fresh randomness for executors that were restored from one snapshot."""

import os


def reseed(modules):
    """Fresh randomness from the kernel, in each executor before it is ready: those that are restored
    from one snapshot share their state.

    ``modules`` are the hidden ones. Every generator that is seeded from the kernel when it is made needs nothing; these were made
    before the snapshot was taken.
    """
    entropy = os.urandom(32 + 48 + 32 + 624 * 4)
    random = modules.get("random")
    if random:
        random.seed(entropy[:32])
    ssl = modules.get("ssl")
    if ssl:
        ssl.RAND_add(entropy[32:80], 48.0)
    process = modules.get("multiprocessing.process")
    if process:
        process.current_process()._config["authkey"] = process.AuthenticationString(entropy[80:112])
    numpy = modules.get("numpy")
    if numpy:
        # Not numpy.random.seed(): that imports numpy, and so would bring it into sight.
        modules.get("numpy.random.mtrand")._rand._bit_generator.state = {
            "bit_generator": "MT19937",
            "state": {"key": numpy.frombuffer(entropy[112:], dtype=numpy.uint32), "pos": 624},
        }
    tempfile = modules.get("tempfile")
    if tempfile:
        tempfile._name_sequence = None
    uuid = modules.get("uuid")
    if uuid:
        uuid._node = uuid._last_timestamp = None
