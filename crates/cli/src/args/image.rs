//! IMAGE and the options that say how to open it, the same for every command.

use std::ffi::OsString;

use clap::Args;

/// Of what all commands share, in their help and pages.
const HEADING: &str = "Image options";

/// An image and how to open it.
#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    /// Image file, block device, or `demo:`
    #[arg(value_name = "IMAGE")]
    pub(crate) image: OsString,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// Print JSON: an object, or a line an entry
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Where in the image the file system is and what to overlook.
#[derive(Debug, Args)]
pub(crate) struct DeviceArgs {
    /// Byte where the file system, or with --partition the disk, starts (k, M, G, T: binary units)
    #[arg(help_heading = HEADING)]
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "0", global = true)]
    #[arg(hide_default_value = true)]
    pub(crate) offset: u64,
    /// Partition that holds the file system, from 1 (GPT or MBR)
    #[arg(help_heading = HEADING)]
    #[arg(long, value_name = "N", global = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) partition: Option<u32>,
    /// Use the superblock copy in this block, as `e2fsck -b`
    #[arg(help_heading = HEADING)]
    #[arg(long, value_name = "BLOCK", global = true)]
    pub(crate) sb: Option<u64>,
    /// Bytes of a block, to find the superblock copy (all sizes are tried without it)
    #[arg(help_heading = HEADING)]
    #[arg(long, value_name = "BYTES", value_parser = bytes, requires = "sb", global = true)]
    pub(crate) block_size: Option<u64>,
    /// Device or image of the external journal, if the file system has one
    #[arg(help_heading = HEADING)]
    #[arg(long, value_name = "PATH", global = true)]
    pub(crate) journal: Option<OsString>,
    /// Read an image whose journal needs recovery as it is, without its journal
    #[arg(help_heading = HEADING)]
    #[arg(long, global = true)]
    pub(crate) noload: bool,
    /// Open although somebody else uses the image
    #[arg(help_heading = HEADING)]
    #[arg(long, global = true)]
    pub(crate) ignore_lock: bool,
    /// Open an image that was cut short; what is missing cannot be read
    #[arg(help_heading = HEADING)]
    #[arg(long, global = true)]
    pub(crate) allow_short: bool,
    /// Open for writing: not in this version
    #[arg(help_heading = HEADING)]
    #[arg(long, hide = true, global = true)]
    pub(crate) rw: bool,
}

/// A number of bytes with an optional binary unit.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| "not a number of bytes".to_owned())?;
    let shift = match text.get(digits.len()..).unwrap_or_default() {
        "" | "B" => 0,
        "k" | "K" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        "T" | "TiB" => 40,
        unit => return Err(format!("unknown unit {unit:?}: use k, M, G or T")),
    };
    number.checked_mul(1 << shift).ok_or_else(|| "too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(bytes("512"), Ok(512));
        assert_eq!(bytes("1k"), Ok(1024));
        assert_eq!(bytes("3MiB"), Ok(3 << 20));
        assert_eq!(bytes("2T"), Ok(2 << 40));
        for bad in ["", "k", "1m", "-1", "1.5k", "0x10", "99999999T"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }
}
