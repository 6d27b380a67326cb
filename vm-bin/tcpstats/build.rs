// SPDX-License-Identifier: BSD-2-Clause
//! Compiles the portable C core of the kernel module into this library.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let module = Path::new("../../kmod/tcpstats");
    let core = module.join("core");
    let mut build = cc::Build::new();
    build.std("c11").file("src/ffi_layout.c").include(&core);
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
    println!(
        "cargo::rerun-if-changed={}",
        module.join("tcpstats.h").display()
    );
    println!("cargo::rerun-if-changed=src/ffi_layout.c");
    build.try_compile("tcpstats_core")?;
    Ok(())
}
