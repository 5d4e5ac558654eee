"""Where a test run keeps what it makes, said before anything else is loaded.

Both matter to the many processes that tests start, too: they take the environment over.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 * 1024**3  # a container often has 64 MiB there

# Containers often forbid Python to keep what it compiled. Each of our processes would then compile
# all of its libraries anew: 5 s of CPU to load the web app instead of 2.5 (measured).
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Whatever tests write lies in memory where there is room for it: an fsync there costs nothing, and
# on a busy disk they wait for it more than they work. TMPDIR names another place.
has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM_BYTES
if has_room and "TMPDIR" not in os.environ:
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None  # pytest has asked for it already; ask again
