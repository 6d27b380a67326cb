// SPDX-License-Identifier: BSD-2-Clause
//! Compiles the portable C core of the kernel module into this library, and has the library's
//! declarations of C structures held against the table in `tcpstats_layout.h`.

mod layout;

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let module = Path::new("../../kmod/tcpstats");
    println!("cargo::rerun-if-changed=build");
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
    println!("cargo::rerun-if-changed={}", header.display());
    let table = fs::read_to_string(header)
        .map_err(|error| format!("failed to read {}: {error}", header.display()))?;
    let rust = layout::translate(&table)
        .map_err(|error| format!("failed to translate {}: {error}", header.display()))?;
    let out = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: cargo runs this")?;
    fs::write(PathBuf::from(out).join("layout.rs"), rust)?;
    Ok(())
}
