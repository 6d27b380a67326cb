# SPDX-License-Identifier: BSD-2-Clause
# What the built-in inventory says, for Nix: the file that the orchestrator
# compiles in is read here, so that no VM stands in two places.
let
  inventory = builtins.fromTOML (builtins.readFile ../orchestrator/src/inventory/builtin.toml);
  inherit (inventory) defaults;
in
{
  # Where orchestrator and test binary run; the VMs' own systems are below.
  systems = [
    "x86_64-linux"
    "aarch64-linux"
  ];

  # INTEGRATION_TARGET's default.
  inherit (defaults) target;

  # In the inventory's order.
  vms = map (vm: {
    inherit (vm) name os arch;
    # FREEBSD_HOST's default.
    host = "${vm.user or defaults.user}@${vm.host}";
    # FREEBSD_DIR's default.
    dir = vm.dir or defaults.dir;
  }) inventory.vm;
}
