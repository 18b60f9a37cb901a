//! Opening a file system of 16 TiB: the library against reading the same descriptor blocks and
//! summing them up.
//!
//! The image is a sparse file on tmpfs, made by mke2fs with its defaults but for a small journal.
//! The peer reads the descriptor table of the primary superblock with `pread`, 1 MiB at a time
//! into one buffer, and runs CRC32C over all of it. A child process that only opens tells its
//! peak memory.
//!
//! In the fresh image neighbouring descriptors are nearly the same, which favours the library. A
//! second comparison is with counts and checksums as a full file system has them, all different.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use extant_benches::{Goal, Numbers, Row, mke2fs, open, timed};
use extant_testkit::image::Scratch;

/// Rounds, each with one opening and one reading by the peer. A round takes 2 ms: many are needed
/// to see past what else the machine does.
const ROUNDS: usize = 501;
/// Rounds before, not counted: the pages that mke2fs dirtied are still being looked after.
const WARM_UP: usize = 250;
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
    let table = Table::of(&image)?;
    let goal = |row: Row| row.goal(Goal::AtMost(1.5));
    goal(compare("open 16 TiB", &image, &table)?).print()?;
    table.fill(&image)?;
    compare("open 16 TiB, descriptors as in use", &image, &table)?.print()?;
    let memory = (0..9).map(|_| memory_of_child(&image)).collect::<Result<Vec<_>>>()?;
    Row::new("peak memory of a process that opens", "MiB", &memory).goal(Goal::AtMost(50.0)).print()
}

fn compare(name: &str, image: &Path, table: &Table) -> Result<Row> {
    ensure!(open(image)?.volume().damage().1 == 0, "damaged groups");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..WARM_UP {
        open(image)?;
        table.sum(image)?;
    }
    for _ in 0..ROUNDS {
        ours.push(timed(|| open(image))?.0 * 1e3);
        theirs.push(timed(|| table.sum(image))?.0 * 1e3);
    }
    Ok(Row::new(name, "ms", &ours).against("pread and CRC32C of the descriptors", &theirs))
}

/// The bytes of the descriptor table.
struct Table {
    start: u64,
    len: u64,
}

impl Table {
    fn of(image: &Path) -> Result<Self> {
        let fs = open(image)?;
        let geometry = fs.volume().geometry();
        let block = geometry.block_size().bytes64();
        let table = Self { start: block, len: u64::from(geometry.desc_block_count()) * block };
        eprintln!("{} groups, {} bytes of descriptors", geometry.group_count(), table.len);
        Ok(table)
    }

    /// Gives every descriptor free counts and bitmap checksums of its own.
    fn fill(&self, image: &Path) -> Result<()> {
        let fs = open(image)?;
        let sb = fs.volume().superblock();
        let inodes = u64::from(sb.geometry().inodes_per_group());
        let blocks = u64::from(sb.geometry().blocks_per_group());
        let file = File::options().read(true).write(true).open(image)?;
        let mut descs = vec![0; usize::try_from(self.len)?];
        file.read_exact_at(&mut descs, self.start)?;
        let mut numbers = Numbers::new(1);
        for (n, desc) in (0_u32..).zip(descs.as_chunks_mut::<64>().0) {
            let free = numbers.below(inodes + 1);
            put(desc, 0x0c, numbers.below(blocks));
            put(desc, 0x0e, free);
            put(desc, 0x10, numbers.below(inodes - free + 1));
            put(desc, 0x12, 0x4);
            put(desc, 0x1c, numbers.below(free + 1));
            for bitmap_csum in [0x18, 0x1a, 0x38, 0x3a] {
                put(desc, bitmap_csum, numbers.next_u64());
            }
            put(desc, 0x1e, 0);
            let message: Vec<u8> = n.to_le_bytes().into_iter().chain(*desc).collect();
            put(desc, 0x1e, sb.seed().sum(&message).into());
        }
        file.write_all_at(&descs, self.start)?;
        Ok(())
    }

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

/// Sets the 16 bits at `offset` to the lowest of `value`.
fn put(desc: &mut [u8; 64], offset: usize, value: u64) {
    let bytes = value.to_le_bytes().into_iter().take(2);
    desc.iter_mut().skip(offset).zip(bytes).for_each(|(to, from)| *to = from);
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
