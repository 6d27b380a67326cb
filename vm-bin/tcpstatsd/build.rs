// SPDX-License-Identifier: BSD-2-Clause
//! Compiles the shim over libfuse, links libfuse, and translates the table of layouts that the
//! shim's header asserts.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use c_layout::Table;

const SHIM_HEADER: &str = "src/fuse/shim.h";
/// Has the header that says how C asserts a layout.
const MODULE: &str = "../../kmod/tcpstats";

fn main() -> Result<(), Box<dyn Error>> {
    // 3.12 made the number of worker threads a setting of its own.
    let fuse = pkg_config::Config::new()
        .atleast_version("3.12")
        .probe("fuse3")
        .map_err(|error| {
            format!("libfuse 3.12 or later is needed (Debian: libfuse3-dev, pkg-config): {error}")
        })?;
    cc::Build::new()
        .std("gnu11")
        .file("src/fuse/shim.c")
        .include(MODULE)
        .includes(fuse.include_paths)
        .try_compile("tcpstatsd_fuse_shim")?;
    println!("cargo::rerun-if-changed=src/fuse/shim.c");
    println!("cargo::rerun-if-changed={SHIM_HEADER}");
    println!("cargo::rerun-if-changed={MODULE}/tcpstats_layout.h");
    translate_layout(Path::new(SHIM_HEADER))
}

fn translate_layout(header: &Path) -> Result<(), Box<dyn Error>> {
    let table = fs::read_to_string(header)?;
    let out = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: cargo runs this")?;
    let rust = Table::parse(&table)?.asserts();
    fs::write(PathBuf::from(out).join("layout.rs"), rust)?;
    Ok(())
}
