// SPDX-License-Identifier: BSD-2-Clause
//! The checked-in schema is that of the types; `UPDATE_SCHEMA=1 cargo test -p
//! protocol` writes it anew.

use std::fs;
use std::path::Path;

use schemars::generate::SchemaSettings;

use crate::Event;

#[test]
fn the_checked_in_schema_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/events-v1.json");
    let generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    let schema = generator.into_root_schema_for::<Event>();
    let generated = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap();
    assert!(
        checked_in == generated,
        "{} is not that of the types: run UPDATE_SCHEMA=1 cargo test -p protocol",
        path.display()
    );
}
