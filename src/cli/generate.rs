//! `dtf generate`: tests for models, as a plan and scripts that run alone.

use super::args::{GenerateArgs, Global, ModelArgs};
use super::connect::settings;
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::folder::Folder;
use super::library;
use crate::domain::accelerator::Backend;
use crate::plan::library::Library;
use crate::plan::request::{Generated, Request, generate};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub async fn run(console: Console, global: &Global, args: GenerateArgs) -> Result<u8, Failure> {
    let models = ModelArgs {
        hw: if args.models.hw.is_empty() { vec!["cpu".into()] } else { args.models.hw.clone() },
        ..args.models.clone()
    };
    let file = settings(global)?;
    let added = library::added_to(global, &file, &args.lender).await?;
    let library = library::library(console, &file, &args.templates, added)?;
    let made = make(&args.what, &models, &library, &BTreeSet::new())?;
    if args.dry_run {
        for test in &made.submission.tests {
            console.result(&test.name)?;
        }
        return Ok(exit::PASSED);
    }
    let out = args.out.unwrap_or_else(|| PathBuf::from("dtf-tests"));
    write(&out, &made, args.force)?;
    let plan = out.join("plan.yaml");
    console.result(&format!(
        "{} tests in {}\nnext: dtf run {}",
        made.submission.tests.len(),
        plan.display(),
        plan.display()
    ))?;
    Ok(exit::PASSED)
}

/// Generates in memory. `accelerators` is what `auto` stands for beside the CPU.
pub fn make(
    models: &[String],
    args: &ModelArgs,
    library: &Library,
    accelerators: &BTreeSet<Backend>,
) -> Result<Generated, Failure> {
    let request = Request {
        name: name_of(models),
        models: models.to_vec(),
        backends: args.hw.clone(),
        batch: args.batch.clone(),
        sequence_length: args.sequence_length.clone(),
        image_size: args.image_size.clone(),
        dtype: args.dtype.clone(),
        attention: args.attention.clone(),
        runtime: args.runtime.clone(),
        weights: args.weights.clone(),
        family: args.family.clone(),
        revision: args.revision.clone(),
        parameters: args.parameters.clone(),
    };
    Ok(generate(&request, &Folder::new(Path::new(".")), library, accelerators)?)
}

/// A run is named after its models.
fn name_of(models: &[String]) -> String {
    match models {
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        [] => "models".to_owned(),
    }
}

fn write(out: &Path, made: &Generated, force: bool) -> Result<(), Failure> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| Failure::new(format!("cannot write {path}: {error}"))
    };
    std::fs::create_dir_all(out).map_err(failed(out))?;
    let occupied = std::fs::read_dir(out).map_err(failed(out))?.next().is_some();
    if occupied && !force {
        return Err(Failure::usage(format!("{} is not empty", out.display()))
            .hint("choose another --out, or give --force to write over what is there"));
    }
    for (name, text) in &made.scripts {
        let path = out.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        std::fs::write(&path, text.as_bytes()).map_err(failed(&path))?;
    }
    let plan = out.join("plan.yaml");
    std::fs::write(&plan, &made.plan).map_err(failed(&plan))
}
