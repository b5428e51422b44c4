"""Walls a worker puts around itself before its first question: what it may read, and that it may do nothing else.

Landlock (Linux 5.13 and newer) leaves one folder readable, and no network, no writing, no executing. Resource limits and
no-new-privileges stand beside it. Once up, no wall can be taken down by the process itself.
"""

import ctypes
import resource
from pathlib import Path

from py_landlock import Landlock, LandlockError, get_abi_version

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_HEADROOM = 4 << 30  # address space beyond DuckDB's own limit: libraries and mapped files


def confine(folder: Path, memory_mb: int) -> int:
    """Puts up all walls; gives the Landlock ABI in force, 0 where the kernel has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    address_space = memory_mb * (1 << 20) + _HEADROOM
    for limit, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_AS, address_space)):
        resource.setrlimit(limit, (value, value))
    return _landlock(folder)


def threads() -> int:
    """How many threads this process has. Landlock does not bind those that are there before it, other than the one that asks."""
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:  # no Linux, so no Landlock
        return 1


def landlock_abi() -> int:
    """The Landlock ABI this kernel offers, 0 for none."""
    try:
        return int(get_abi_version())
    except (LandlockError, OSError, ValueError):
        return 0


def _landlock(folder: Path) -> int:
    abi = landlock_abi()
    if abi == 0:
        return 0
    # A folder: a rule on a single file fails with EINVAL.
    Landlock(strict=False).allow_read(str(folder)).apply()
    return abi
