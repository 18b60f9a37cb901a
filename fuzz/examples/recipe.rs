//! Prints an input as a recipe and says what it does: `recipe TARGET FILE [IMAGE]`. With IMAGE the
//! edited image is written there. Not for `parse`, whose inputs are what is parsed.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use arbitrary::{Arbitrary, Unstructured};
use extant_fuzz::image::run_program;
use extant_fuzz::program::{Aim, Program};
use extant_fuzz::seeds::seeds;

/// Bytes of a change that are printed.
const MOST_SHOWN: usize = 32;

fn main() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (target, input, image) = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [target, input] => (target, input, None),
        [target, input, image] => (target, input, Some(Path::new(image))),
        _ => bail!("usage: recipe TARGET FILE [IMAGE]"),
    };
    let input = std::fs::read(input).with_context(|| format!("cannot read {input}"))?;
    let aim = match target {
        "open_walk" => Aim::Structures,
        "fsck" => Aim::Check,
        "journal" => Aim::Journal,
        "fast_commit" => Aim::FastCommit,
        "parse" => {
            println!("parse: {}", input.escape_ascii());
            extant_fuzz::parse::run(&input);
            return Ok(ExitCode::SUCCESS);
        }
        _ => bail!("no target {target}"),
    };
    let program = Program::arbitrary(&mut Unstructured::new(&input))?;
    let seed = seeds(aim).pick(program.seed).context("no seeds")?;
    let fixed = if program.fix && seed.fixable { "made right" } else { "left as they are" };
    println!("seed {}, checksums {fixed}", seed.name);
    let (bytes, changes) = program.explain(seed, seed.bytes.clone(), aim);
    for change in changes {
        let hex = |bytes: &[u8]| {
            let shown = bytes.iter().take(MOST_SHOWN).map(|byte| format!("{byte:02x}"));
            let more = bytes.len().saturating_sub(MOST_SHOWN);
            let more = (more > 0).then(|| format!(".. and {more} more"));
            shown.chain(more).collect::<String>()
        };
        let (old, new) = (hex(&change.old), hex(&change.new));
        println!("{:?} {} + {:#x}: {old} -> {new}", change.class, change.what, change.offset);
    }
    if let Some(image) = image {
        std::fs::write(image, &bytes)
            .with_context(|| format!("cannot write {}", image.display()))?;
    }
    let outcome = run_program(&program, seed, aim);
    match outcome.refused {
        Some(reason) => println!("refused: {reason}"),
        None => println!("opened; {} findings", outcome.findings.len()),
    }
    outcome.findings.iter().take(40).for_each(|finding| println!("  {finding}"));
    if !outcome.recovery.is_empty() {
        println!("recovered: {}", outcome.recovery);
    }
    println!("read {} bytes in {} requests", outcome.used.bytes, outcome.used.requests);
    Ok(ExitCode::SUCCESS)
}
