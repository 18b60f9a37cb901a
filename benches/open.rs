//! Opening a file system of 16 TiB: the library against reading the same descriptor blocks and
//! summing them up.
//!
//! The image is a sparse file on tmpfs, made by mke2fs with its defaults but for a small journal.
//! The peer reads the descriptor table of the primary superblock with `pread`, 1 MiB at a time
//! into one buffer, and runs CRC32C over all of it. A child process that only opens tells its
//! peak memory.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use extant_benches::{Goal, Row, mke2fs, open, timed};
use extant_testkit::image::Scratch;

/// Rounds, each with one opening and one reading by the peer.
const ROUNDS: usize = 41;
const MIB_16_TIB: u64 = 16 << 20;
/// The argument that makes this program the child.
const CHILD: &str = "--only-open";

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some(CHILD) {
        let image = args.next().context("no image")?;
        let _open = open(Path::new(&image))?;
        println!("{}", peak_mib()?);
        return Ok(());
    }
    let scratch = Scratch::new()?;
    let image = scratch.sparse_file("open.img", MIB_16_TIB)?;
    mke2fs(&image, "-t ext4 -J size=64 -E lazy_itable_init=1,lazy_journal_init=1,nodiscard")?;
    compare(&image)?;
    let memory = (0..9).map(|_| memory_of_child(&image)).collect::<Result<Vec<_>>>()?;
    Row::new("peak memory of a process that opens", "MiB", &memory).goal(Goal::AtMost(50.0)).print()
}

fn compare(image: &Path) -> Result<()> {
    let fs = open(image)?;
    ensure!(fs.volume().damage().1 == 0, "damaged groups");
    let geometry = fs.volume().geometry();
    let table = Table {
        start: geometry.block_size().bytes64(),
        len: u64::from(geometry.desc_block_count()) * geometry.block_size().bytes64(),
    };
    eprintln!("{} groups, {} bytes of descriptors", geometry.group_count(), table.len);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(timed(|| open(image))?.0 * 1e3);
        theirs.push(timed(|| table.sum(image))?.0 * 1e3);
    }
    Row::new("open 16 TiB", "ms", &ours)
        .against("pread and CRC32C of the descriptors", &theirs)
        .goal(Goal::AtMost(1.5))
        .print()
}

/// The bytes of the descriptor table.
struct Table {
    start: u64,
    len: u64,
}

impl Table {
    fn sum(&self, image: &Path) -> Result<u32> {
        let file = File::open(image)?;
        let mut buffer = vec![0; 1 << 20];
        let mut crc = 0;
        let mut done = 0;
        while done < self.len {
            let n = buffer.len().min(usize::try_from(self.len - done)?);
            let chunk = buffer.get_mut(..n).context("chunk")?;
            file.read_exact_at(chunk, self.start + done)?;
            crc = crc32c::crc32c_append(crc, chunk);
            done += n as u64;
        }
        Ok(black_box(crc))
    }
}

fn memory_of_child(image: &Path) -> Result<f64> {
    let output = Command::new(std::env::current_exe()?).arg(CHILD).arg(image).output()?;
    if !output.status.success() {
        bail!("the child failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

/// The largest resident memory of this process so far.
fn peak_mib() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.context("no VmHWM")?.trim_end_matches("kB").trim();
    Ok(kib.parse::<f64>()? / 1024.0)
}
