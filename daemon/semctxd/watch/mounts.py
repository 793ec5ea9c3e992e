"""Which folders lie on file systems that others write to, so that the kernel does not tell of every change."""

from __future__ import annotations

import os
import re

_REMOTE = ("nfs", "cifs", "smb", "9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "ceph", "afs", "lustre", "gfs", "ocfs")
_LOCAL_FUSE = "fuseblk"  # a local disk
_ESCAPED = re.compile(rb"\\([0-7]{3})")


def mounted() -> frozenset[tuple[bytes, bytes]]:
    """(where, number) of every mount that this process sees; a number is given to one mount at a time."""
    with open("/proc/self/mountinfo", "rb") as table:
        rows = [line.split(b" ", 5) for line in table]
    return frozenset((_ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), row[4]), row[0]) for row in rows)


def remote_within(folder: str) -> list[str]:
    """Of the mounts at or below a folder (absolute path), and the one that holds it, those of a network file system, of
    FUSE, of a virtual machine's share, or of an overlay with a layer that can be written to from here."""
    import psutil  # deferred: it is needed when a workspace opens, and for health

    below = folder.rstrip("/") + "/"
    mounts = psutil.disk_partitions(all=True)
    holders = [mount for mount in mounts if below.startswith(mount.mountpoint.rstrip("/") + "/")]
    own = max(holders, key=lambda mount: len(mount.mountpoint), default=None)
    inside = [mount for mount in mounts if mount.mountpoint.startswith(below)]
    found = (*inside, *([own] if own else []))
    return [mount.mountpoint for mount in found if changes_unseen(mount.fstype, mount.opts)]


def changes_unseen(fstype: str, options: str) -> bool:
    """Whether a file system of that type, mounted with those options, changes in ways that cause no event here."""
    if fstype == "overlay":  # a container's own is changed through the mount only: its layers have no path in here
        layers = (option.partition("dir=")[2] for option in options.split(",") if option.startswith(("lower", "upper")))
        return any(os.path.isdir(folder) for layer in layers for folder in layer.split(":"))
    return fstype.startswith(_REMOTE) or (fstype.startswith("fuse") and fstype != _LOCAL_FUSE)
