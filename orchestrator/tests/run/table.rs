// SPDX-License-Identifier: BSD-2-Clause
//! docs/trouble.md names the test of each trouble.

use std::fs;
use std::path::Path;

#[test]
fn every_trouble_has_the_test_that_the_table_names() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(crate_dir.join("../docs/trouble.md")).unwrap();
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| trouble "));
    let mut number = 0;
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [trouble, outcome, _, test] = cells[..] else {
            panic!("not four cells: {row}");
        };
        assert!(!trouble.is_empty() && !outcome.is_empty(), "{row}");
        let named = test.trim_matches('`').split_once(": ");
        let (file, name) = named.unwrap_or_else(|| panic!("no test: {row}"));
        let text = fs::read_to_string(crate_dir.join("tests").join(file)).unwrap();
        let declared = format!("#[test]\nfn {name}() {{");
        assert!(text.contains(&declared), "{file} has no test {name}");
        number += 1;
    }
    assert!(number >= 55, "{number} rows");
}
