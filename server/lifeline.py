"""Processes that do not outlive the one that started them, so that a restart finds its ports free.

Source: Linux prctl(2), PR_SET_PDEATHSIG: the kernel signals a child when its parent dies, however it dies.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Has the kernel kill this process when `parent`, its parent, dies; ends at once when it is dead already.

    Raises OSError when the kernel refuses. Elsewhere than on Linux, gunicorn's own watch of its parent is all there is.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(1)
