//! `extant cat`: contents, raw. In JSON a line a chunk, in hexadecimal.

use std::io::Write;

use extant::{File, Follow, IoFlags};
use serde_json::json;

use crate::args::{Cat, Target};
use crate::error::{Exit, Failure, Parts};
use crate::image::Image;
use crate::output::{Out, json};

/// Bytes to read at once.
const CHUNK: usize = 1 << 20;
/// Bytes in a line of JSON.
const JSON_CHUNK: usize = 64 << 10;

pub(super) fn run(args: &Cat, out: &mut Out) -> Result<Exit, Failure> {
    let image = Image::open(&args.image)?;
    let mut parts = Parts::default();
    let mut buf = vec![0; if args.image.json { JSON_CHUNK } else { CHUNK }];
    for path in &args.paths {
        let target = Target::new(path);
        match cat(&image, &target, args.image.json, (&mut buf, out)) {
            Ok(()) => parts.good(),
            Err(failure) => parts.failed(failure)?,
        }
    }
    Ok(parts.exit())
}

fn cat(
    image: &Image,
    target: &Target,
    json: bool,
    (buf, out): (&mut [u8], &mut Out),
) -> Result<(), Failure> {
    let path = target.bytes();
    let node = image.resolve(target, Follow::Yes)?;
    let file = node.into_file(IoFlags::NONE).map_err(|error| image.fail(&path, &error))?;
    let mut offset = 0;
    loop {
        let bytes = chunk(&file, buf, offset).map_err(|error| image.fail(&path, &error))?;
        if bytes.is_empty() {
            return Ok(());
        }
        if json {
            out.json_line(&json!({
                "schema": "extant.cat/1",
                "path": json::name(&path),
                "offset_bytes": offset,
                "data": json::raw(bytes),
            }))?;
        } else {
            out.write_all(bytes)?;
        }
        offset += bytes.len() as u64;
    }
}

fn chunk<'b>(file: &File, buf: &'b mut [u8], offset: u64) -> extant::Result<&'b [u8]> {
    let len = file.read_at(buf, offset, IoFlags::NONE)?;
    Ok(buf.get(..len).unwrap_or_default())
}
