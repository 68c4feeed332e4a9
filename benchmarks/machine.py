"""The machine that figures were measured on: they mean nothing without it."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def facts(folder: Path) -> dict[str, str]:
    """Processor, memory, system, the file system of `folder`, and how busy the machine was before."""
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "file system": _file_system(folder.resolve()),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    """Its type and device. Source: proc(5), /proc/PID/mounts."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    around = [mount for mount in mounts if folder.is_relative_to(mount[1])]
    if not around:  # inside a chroot its own root is not listed
        return "unknown"
    device, _, kind, *_ = max(around, key=lambda mount: len(mount[1]))
    return f"{kind} on {device}"
