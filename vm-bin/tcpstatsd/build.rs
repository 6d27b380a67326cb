// SPDX-License-Identifier: BSD-2-Clause
//! Compiles the shim over libfuse and links libfuse.

use std::error::Error;

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
        .includes(fuse.include_paths)
        .try_compile("tcpstatsd_fuse_shim")?;
    println!("cargo::rerun-if-changed=src/fuse/shim.c");
    println!("cargo::rerun-if-changed=src/fuse/shim.h");
    Ok(())
}
