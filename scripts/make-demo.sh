#!/bin/bash
# Builds crates/extant/data/demo.img.gz, the image behind `demo:`: 4 MiB in blocks of 1 KiB, with
# most of what ext4 can hold. Needs e2fsprogs 1.47, python3 (for the socket) and root (for device
# nodes). The result is the same on every run: times, UUID and hash seed are fixed.
#
# Usage: scripts/make-demo.sh [OUTPUT.gz]
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022
cd "$(dirname "$0")/.."
out=$(realpath -m "${1:-crates/extant/data/demo.img.gz}")

readonly NOW=1767225600 # 2026-01-01 00:00:00 UTC
export E2FSPROGS_FAKE_TIME=$NOW
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
image=$work/demo.img

# N bytes that are easy to recognise in a hexdump.
pattern() {
    python3 -c "for i in range(0, $1, 16): print('%015x' % i)"
}

# --- what mke2fs -d can copy ----------------------------------------------------------------
mkdir -p "$tree"/{names,links,special,times,sparse,attributes,flags,legacy,index,inline}
cat > "$tree/README.txt" <<'TEXT'
Welcome to the demo image of Extant.

It is an ext4 file system of 4 MiB, embedded in the program. Everything that
takes an IMAGE takes `demo:` in its place. Try:

  extant ls -l demo: /              what is here
  extant info demo:                 features, sizes, times
  extant stat demo: /times/in-2300  a time that needs more than 32 bits
  extant dump demo: extents /sparse/fragmented.bin
  extant dump demo: htree /index    a hashed directory
  extant ls demo: /names            names that a terminal must not see raw
  extant digest demo:               one line that names the whole content

Folders:
  attributes  extended attributes in the inode, in a block, in an inode of
              their own; access control lists; a file capability
  deep        a directory in a directory in a directory ...
  flags       files with flags of chattr(1)
  index       some hundred names in a hash tree
  inline      contents that live in the inode
  legacy      a file with the block map of ext2
  links       symbolic links, short, long and dangling; hard links
  names       names in several scripts, and hostile ones
  sparse      holes, fragments, and space allocated but never written
  special     a fifo, a socket, devices
  times       before 1970 and after 2038
TEXT
for i in $(seq 1 320); do printf '%d\n' "$i" > "$tree/index/entry-$(printf %03d "$i").txt"; done
mkdir -p "$tree/deep/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"
echo 'You found it.' > "$tree/deep/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/bottom.txt"
: > "$tree/inline/empty"
printf 'Sixty bytes fit into the block map of the inode itself.....\n' \
    > "$tree/inline/in-block-map.txt"
pattern 128 > "$tree/inline/in-attribute-space.txt"
mkdir "$tree/inline/directory"
: > "$tree/inline/directory/a"
: > "$tree/inline/directory/b"

ln -s ../README.txt "$tree/links/fast"
# Too long for the inode, even with its attribute space.
ln -s "$(printf '../links/%.0s' $(seq 20))../README.txt" "$tree/links/slow"
ln -s nowhere "$tree/links/dangling"
ln -s loop "$tree/links/loop"
ln -s /deep "$tree/links/absolute"
echo 'One inode, three names.' > "$tree/links/hard-1"
ln "$tree/links/hard-1" "$tree/links/hard-2"
ln "$tree/links/hard-1" "$tree/links/hard-3"

mkfifo "$tree/special/fifo"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' \
    "$tree/special/socket"
mknod "$tree/special/null" c 1 3
mknod "$tree/special/disk" b 259 70000
mkdir -m 1777 "$tree/special/sticky"
: > "$tree/special/setuid"
chmod 4755 "$tree/special/setuid"
: > "$tree/special/nobodys"
chown 65534:4000000000 "$tree/special/nobodys"
chmod 0000 "$tree/special/nobodys"

name() { printf '%s\n' "$2" > "$tree/names/$(printf -- "$1")"; }
name 'plain' 'plain ASCII'
name 'with space' 'a space'
name '-rf' 'looks like an option'
name 'new\nline' 'a newline'
name 'back\\slash' 'a backslash'
name '\xce\xb5\xce\xbb\xce\xbb\xce\xb7\xce\xbd\xce\xb9\xce\xba\xce\xac' 'Greek'
name '\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e' 'Japanese'
name 'latin-\xe9\xe8' 'not UTF-8'
name 'red\033[31mtext\007' 'would colour a terminal and ring its bell'
name 'invoice\xe2\x80\xaefdp.exe' 'a right-to-left override'
name "$(printf 'n%.0s' $(seq 255))" 'as long as a name can be'

for name in before-1970 at-2038 in-2300; do echo "$name" > "$tree/times/$name"; done
pattern 4096 > "$tree/flags/immutable"
cp "$tree/flags/immutable" "$tree/flags/append-only"
cp "$tree/flags/immutable" "$tree/flags/no-dump"
for name in in-inode in-block in-ea-inode acl capability; do
    echo "$name" > "$tree/attributes/$name"
done
# Larger than a block: debugfs would cut it to one.
python3 -c 'import os, sys
os.setxattr(sys.argv[1], "user.three-kilobytes", b"0123456789abcde\n" * 192)' \
    "$tree/attributes/in-ea-inode"
mkdir "$tree/attributes/default-acl"

pattern 65536 > "$work/64k"
for at in 0 1048576 1073741824; do
    dd if="$work/64k" of="$tree/sparse/holes.bin" bs=1024 count=3 seek=$((at / 1024)) \
        conv=notrunc status=none
done
find "$tree" -exec touch -h -d "@$((NOW - 86400))" {} +

features=has_journal,ext_attr,dir_index,orphan_file,filetype,extent,64bit,flex_bg,inline_data
features+=,ea_inode,large_dir,metadata_csum,metadata_csum_seed,sparse_super,large_file,huge_file
features+=,dir_nlink,extra_isize,^resize_inode
truncate -s 4M "$image"
mke2fs -q -F -t ext4 -b 1024 -g 2048 -I 256 -N 640 -m 2 -J size=1 -O "none,$features" \
    -L extant-demo -U 0ddba11e-de40-4ea7-a15e-e87a47000004 -M /mnt/demo \
    -e remount-ro -E hash_seed=c0ffee00-0000-4000-8000-000000000004,lazy_itable_init=0,nodiscard \
    -d "$tree" "$image"

# --- what needs debugfs --------------------------------------------------------------------
# Change times come from the host; all inodes with a name get the same. Inodes of attribute values
# have none and must keep theirs: the times hold a hash and a count.
seq 12 480 | xargs -I{} echo 'ncheck {}' > "$work/ncheck"
{ echo 2 && debugfs -f "$work/ncheck" "$image" 2> /dev/null | sed -n 's/^\([0-9]\+\)\t.*/\1/p'; } |
    sort -un | while read -r i; do
        for field in atime ctime crtime; do
            echo "sif <$i> $field @$((NOW - 3600))"
            echo "sif <$i> ${field}_extra 0"
        done
    done > "$work/times"

text() { printf "$2" > "$work/$1"; }
any='\xff\xff\xff\xff'
entries="\x01\0\x06\0$any\x02\0\x04\0\xe8\x03\0\0\x04\0\x04\0$any\x10\0\x06\0$any\x20\0\0\0$any"
text acl "\x02\0\0\0$entries"
text capability '\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
pattern 512 > "$work/512"
pattern 4096 > "$work/4096"
pattern 524288 > "$work/512k"
{
    cat "$work/times"
    echo 'ea_set /attributes/in-inode user.colour green'
    echo 'ea_set /attributes/in-inode trusted.note "for root only"'
    echo "ea_set -f $work/512 /attributes/in-block user.half-a-kilobyte"
    echo "ea_set -f $work/acl /attributes/acl system.posix_acl_access"
    echo "ea_set -f $work/acl /attributes/default-acl system.posix_acl_default"
    echo "ea_set -f $work/capability /attributes/capability security.capability"
    echo 'sif /attributes/acl mode 0100660'
    # Seconds below zero and above 31 bits; two bits more in the extra field, then nanoseconds.
    echo 'sif /times/before-1970 mtime 0x80000000'
    echo 'sif /times/before-1970 mtime_extra 0'
    echo 'sif /times/at-2038 mtime 0x80000000'
    echo 'sif /times/at-2038 mtime_extra 1'
    echo 'sif /times/in-2300 mtime 0x6cf00000'
    echo 'sif /times/in-2300 mtime_extra 0xee6b27fe'
    # Block-mapped: written while the feature is off.
    echo 'cd /legacy'
    echo 'feature -extent -inline_data'
    echo "write $work/512k block-mapped.bin"
    echo 'punch block-mapped.bin 20 440'
    echo 'feature extent inline_data'
    # Every second block of 64: more extents than the inode itself holds.
    echo 'cd /sparse'
    echo "write $work/64k fragmented.bin"
    for i in $(seq 1 2 63); do echo "punch fragmented.bin $i $i"; done
    echo "write $work/4096 unwritten.bin"
    echo 'fallocate unwritten.bin 4 99'
    echo 'sif unwritten.bin size 102400'
    echo 'sif holes.bin size 0x80000000'
    echo 'feature -inline_data'
    echo "write $work/512 one-tebibyte"
    echo 'feature inline_data'
    echo 'sif one-tebibyte size 0x10000000000'
    echo 'cd /'
    echo 'sif /flags/immutable flags 0x80010'
    echo 'sif /flags/append-only flags 0x80020'
    echo 'sif /flags/no-dump flags 0x80040'
} > "$work/commands"
debugfs -w -f "$work/commands" "$image" > "$work/log" 2>&1
if grep -vE '^(debugfs|Allocated inode|Filesystem features|$)' "$work/log" >&2; then
    echo "debugfs reported errors" >&2
    exit 1
fi

# e2fsck -D makes the hash tree; it says 1 for "changed".
e2fsck -fyD "$image" > "$work/log" 2>&1 || [ $? = 1 ] || { cat "$work/log" >&2; exit 1; }
e2fsck -fn "$image" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
debugfs -w -R "ssv lastcheck @$NOW" "$image" 2> /dev/null
gzip -9n < "$image" > "$out"
echo "$out: $(stat -c %s "$out") bytes"
