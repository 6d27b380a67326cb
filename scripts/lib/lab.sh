# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# An embedded lab that goes with the script. To be sourced.

lab_was_up=no

# Have in the array lab the command for the lab NAME with its files in DIR, of the
# programs in BIN_DIR: name_lab NAME DIR BIN_DIR.
name_lab() {
	lab=("$3/orchestrator" lab --name "$1" --dir "$2")
	lab_bin_dir=$3
}

# Bring it up, with so many hosts. What comes up before that fails goes down, too.
bring_lab_up() {
	lab_was_up=yes
	"${lab[@]}" up -n "$1" --bin-dir "$lab_bin_dir"
}

# For the script's end, however that comes.
take_lab_down() {
	[ "$lab_was_up" = no ] || "${lab[@]}" down
}
