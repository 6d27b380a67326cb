// SPDX-License-Identifier: BSD-2-Clause
//! Compiles the portable C core of the kernel module into this library, and translates the table
//! of layouts that the core's headers assert.

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use c_layout::Table;

fn main() -> Result<(), Box<dyn Error>> {
    let module = Path::new("../../kmod/tcpstats");
    println!("cargo::rerun-if-changed=build.rs");
    println!(
        "cargo::rerun-if-changed={}",
        module.join("tcpstats.h").display()
    );
    compile_core(&module.join("core"))?;
    translate_layout(&module.join("tcpstats_layout.h"))
}

fn compile_core(core: &Path) -> Result<(), Box<dyn Error>> {
    let mut build = cc::Build::new();
    build.std("c11");
    let entries = core
        .read_dir()
        .map_err(|error| format!("failed to list {}: {error}", core.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            build.file(path);
        }
    }
    println!("cargo::rerun-if-changed={}", core.display());
    build.try_compile("tcpstats_core")?;
    Ok(())
}

fn translate_layout(header: &Path) -> Result<(), Box<dyn Error>> {
    let fault = |error: &dyn Error| format!("failed to read {}: {error}", header.display());
    println!("cargo::rerun-if-changed={}", header.display());
    let text = fs::read_to_string(header).map_err(|error| fault(&error))?;
    let table = Table::parse(&text).map_err(|error| fault(&error))?;
    let out = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: cargo runs this")?;
    let rust = table.asserts() + &record_fields(&table);
    fs::write(PathBuf::from(out).join("layout.rs"), rust)?;
    Ok(())
}

/// The constant that has every field of a record.
fn record_fields(table: &Table<'_>) -> String {
    let mut rust = "pub(crate) const RECORD_FIELDS: &[Field] = &[\n".to_owned();
    for field in table.fields() {
        let Some(usage) = field.usage else { continue };
        // Writing to a string cannot fail.
        let _ = writeln!(
            rust,
            "Field {{ name: {:?}, offset: {}, size: {}, usage: {} }},",
            field.name,
            field.offset,
            field.size,
            field_usage(usage)
        );
    }
    rust + "];\n"
}

/// `HEADER`, `UNUSED` or a group of fields, the last as `TCPSTATS_FIELDS_` has it.
fn field_usage(usage: &str) -> String {
    let name = usage[..1].to_owned() + &usage[1..].to_lowercase();
    match usage {
        "HEADER" | "UNUSED" => format!("FieldUsage::{name}"),
        _ => format!("FieldUsage::Group(FieldGroup::{name})"),
    }
}
