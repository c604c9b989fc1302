"""Remove privileges that reading a checkpoint does not need from this process, before the first byte of the file is read.

Four restrictions, each if the system supports it; the parser behind them is written so that none should ever be needed:

    limits     memory, processor time, written bytes, no core file (any POSIX system)
    Landlock   files: read the checkpoint and the installed programs, write to the output folder, nothing else (Linux 5.13)
    seccomp    calls: no network, no new program or process, no inspection of or signal to other processes, no kernel
               administration (Linux, x86-64 and ARM64)
    rights     of root, all are dropped except reading files that only their owner may read (Linux)

`confine` reports missing restrictions. All are irrevocable and meant for a disposable process.
Source: the kernel's user-space interface (seccomp(2), landlock(7), capabilities(7), linux/filter.h), reached through libc.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from pathlib import Path

FIXED_MEMORY_BYTES = 8 << 30
MEMORY_PER_SOURCE_BYTE = 8

_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION, _CAP_DAC_READ_SEARCH = 0x20080522, 1 << 2
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC = 1, 1
_ALLOW, _REFUSE, _UNKNOWN = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38  # allow; EPERM; ENOSYS
_LOAD, _IF_EQUAL, _IF_GREATER_EQUAL, _IF_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_CLONE_THREAD = 0x10000
_X32 = 0x40000000  # start of x86-64's second table of numbers, which the refusals do not list
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_WRITE = 1 << 1 | 1 << 5 | 1 << 8 | 1 << 14  # write, remove, make a file, truncate
_FILES_ONLY = 1 << 1 | _READ_FILE | 1 << 14

# refused calls: number on x86-64, number on ARM64 (-1: none)
_REFUSED = {
    "socket": (41, 198),
    "connect": (42, 203),
    "accept": (43, 202),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "bind": (49, 200),
    "listen": (50, 201),
    "socketpair": (53, 199),
    "accept4": (288, 242),
    "sendmmsg": (307, 269),
    "fork": (57, -1),
    "vfork": (58, -1),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "rt_sigqueueinfo": (129, 138),
    "tkill": (200, 130),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "mount": (165, 40),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setpgid": (109, 154),
    "setsid": (112, 157),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setgroups": (116, 159),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "init_module": (175, 105),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "finit_module": (313, 273),
    "kexec_file_load": (320, 294),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "perf_event_open": (298, 241),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
_NEEDED = {"seccomp": (317, 277), "clone": (56, 220), "clone3": (435, 435), "tgkill": (234, 131)}
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column of the tables, number in the kernel's audit


def confine(source: Path, out_dir: Path, timeout_s: int) -> list[str]:
    """Apply all restrictions to this process.

    Args:
        source: the file to read. out_dir: an existing folder, the only writable one.
        timeout_s: processor time.
    Returns:
        One sentence per restriction that this system lacks; empty on a recent Linux.
    """
    limit_resources(source.stat().st_size, timeout_s)
    missing = []
    if not confine_files(source, out_dir):
        missing.append("the file was read without Landlock, which this system does not have")
    if not drop_rights():
        missing.append("the file was read with all of this user's rights, which this system does not take away")
    if not confine_calls():
        missing.append("the file was read without seccomp, which this system does not have")
    return missing


def limit_resources(source_bytes: int, timeout_s: int) -> None:
    """Limit memory, processor time and written bytes of this process; on a system without such limits, only the caller's time
    limit remains."""
    try:
        import resource
    except ImportError:
        return
    limits = {
        resource.RLIMIT_AS: FIXED_MEMORY_BYTES + MEMORY_PER_SOURCE_BYTE * source_bytes,
        resource.RLIMIT_CPU: timeout_s,
        resource.RLIMIT_FSIZE: (64 << 20) + 4 * source_bytes,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in limits.items():
        try:
            resource.setrlimit(limit, (value, value))
        except (ValueError, OSError):
            continue


def drop_rights() -> bool:
    """Drop root's rights irrevocably, except reading files of other users; return whether the system supports it.

    Other users have no rights to drop. The user stays the same: the checkpoint may be readable by that user alone.
    """
    libc = _libc() if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "capset"):
        return False
    kept = _CAP_DAC_READ_SEARCH if os.geteuid() == 0 else 0
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    return any(libc.capset(header, struct.pack("6I", *[allowed, allowed, 0], 0, 0, 0)) == 0 for allowed in (kept, 0))


def confine_calls() -> bool:
    """Refuse system calls that reading does not need, in all threads; return whether the system supports it."""
    column, audit = _MACHINES.get(platform.machine(), (-1, 0))
    libc = _libc() if sys.platform == "linux" and ctypes.sizeof(ctypes.c_void_p) == 8 and column >= 0 else None
    if libc is None or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in _filter(column, audit))
    kept = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(kept))
    number = _NEEDED["seccomp"][column]
    return bool(libc.syscall(number, _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, program) == 0)


def _filter(column: int, audit: int) -> list[tuple[int, int, int, int]]:
    """Return the filter as instructions (code, jump if true, jump if false, operand) on the call's number and words."""
    clone, clone3, tgkill = (_NEEDED[name][column] for name in ("clone", "clone3", "tgkill"))
    program = [(_LOAD, 0, 0, 4), (_IF_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _REFUSE), (_LOAD, 0, 0, 0)]
    program += [(_IF_GREATER_EQUAL, 0, 1, _X32), (_RETURN, 0, 0, _REFUSE)]
    program += [(_IF_EQUAL, 0, 1, clone3), (_RETURN, 0, 0, _UNKNOWN)]  # its flags are not visible; libc then calls clone
    for name in _REFUSED:
        if (number := _REFUSED[name][column]) >= 0:
            program += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE)]
    # clone for a thread, not for a process; tgkill to itself (abort), not to others
    program += [(_IF_EQUAL, 0, 3, clone), (_LOAD, 0, 0, 16), (_IF_BITS, 1, 0, _CLONE_THREAD), (_RETURN, 0, 0, _REFUSE)]
    program += [(_LOAD, 0, 0, 0), (_IF_EQUAL, 0, 3, tgkill)]
    program += [(_LOAD, 0, 0, 16), (_IF_EQUAL, 1, 0, os.getpid()), (_RETURN, 0, 0, _REFUSE)]
    return [*program, (_RETURN, 0, 0, _ALLOW)]


def confine_files(source: Path, out_dir: Path) -> bool:
    """Allow only reading of `source` and installed programs and writing into `out_dir`; return whether the system can."""
    libc = _libc() if sys.platform == "linux" else None
    if libc is None:
        return False
    version = libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if version < 1:
        return False
    handled = (1 << 13) - 1
    handled |= (1 << 13 if version >= 2 else 0) | (1 << 14 if version >= 3 else 0)  # move between folders; truncate
    rules = libc.syscall(_LANDLOCK_CREATE, struct.pack("Q", handled), 8, 0)
    if rules < 0 or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    allowed = dict.fromkeys(_installed(), _READ_FILE | _READ_DIR)
    allowed |= {source.parent / "manifest.json": _READ_FILE, source: _READ_FILE, out_dir: _READ_FILE | _READ_DIR | _WRITE}
    for path, access in allowed.items():
        if path.exists():
            _allow(libc, rules, path, access & handled)
    is_confined = libc.syscall(_LANDLOCK_RESTRICT, rules, 0) == 0
    os.close(rules)
    return bool(is_confined)


def _installed() -> list[Path]:
    """Return the paths needed to run programs: Python, its packages, libraries, /proc and /sys."""
    folders = {sys.prefix, sys.base_prefix, *(path for path in sys.path if path), "/usr", "/lib", "/lib64", "/etc/ld.so.cache"}
    return [Path(path) for path in sorted(folders | {"/proc", "/sys", "/dev/null", "/dev/urandom"})]


def _allow(libc: ctypes.CDLL, rules: int, path: Path, access: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not path.is_dir():
            access &= _FILES_ONLY
        libc.syscall(_LANDLOCK_ADD, rules, 1, struct.pack("=Qi", access, handle), 0)
    finally:
        os.close(handle)


def _libc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long
    except (OSError, AttributeError):
        return None
    return libc
