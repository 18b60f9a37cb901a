#!/bin/sh
# Makes dx_hash.txt, the known answers of the directory hashes, from e2fsprogs' libext2fs.
#
# Usage: ./make_dx_hash.sh > dx_hash.txt       (needs python3 and libext2fs.so.2)
#
# One line a length from 0 to 255: for versions 0 to 5 major, slash, minor hash. The name of length
# N is the first N bytes of the stream that starts at state N * 2654435761 + 1, where state becomes
# state * 1664525 + 1013904223 modulo 2^32 and gives its top byte. Odd lengths are hashed with the
# seed 0x01234567, 0x89abcdef, 0x02468ace, 0x13579bdf, even ones with the default.
# libext2fs lacks the kernel's change of the major hash 0xfffffffe, which no line may have.
exec python3 - <<'PYTHON'
import ctypes

lib = ctypes.CDLL("libext2fs.so.2")
SEED = (ctypes.c_uint32 * 4)(0x01234567, 0x89ABCDEF, 0x02468ACE, 0x13579BDF)

def name(length):
    state, out = (length * 2654435761 + 1) % 2**32, []
    for _ in range(length):
        state = (state * 1664525 + 1013904223) % 2**32
        out.append(state >> 24)
    return bytes(out)

def dir_hash(version, name):
    major, minor = ctypes.c_uint32(), ctypes.c_uint32()
    seed = SEED if len(name) % 2 else None
    error = lib.ext2fs_dirhash(version, name, len(name), seed,
                               ctypes.byref(major), ctypes.byref(minor))
    assert error == 0 and major.value != 0xFFFFFFFE
    return "%x/%x" % (major.value, minor.value)

for length in range(256):
    print(*(dir_hash(version, name(length)) for version in range(6)))
PYTHON
