# SPDX-License-Identifier: BSD-2-Clause
#
# This is not nixpkgs. It stands in for it where nothing can be fetched, and has
# no more than this project's flake uses: packages are the programs of the
# machine, Rust programs those that cargo built before.  machine.nix, which
# nix/test/run.sh writes, says where they are.
{
  outputs =
    { self }:
    let
      machine = import ./machine.nix;
      lib = import ./lib.nix // {
        nixosSystem = import ./nixos.nix {
          inherit lib;
          packagesOf = system: self.legacyPackages.${system};
        };
      };
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (
        system: import ./packages.nix { inherit lib machine system; }
      );
    };
}
