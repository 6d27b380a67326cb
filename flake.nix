# SPDX-License-Identifier: BSD-2-Clause
#
# There is no flake.lock yet: it holds hashes of what is fetched, and nobody has
# fetched it for this tree.  The first `nix` command writes one; commit it.
# nix/test/nixpkgs stands in for nixpkgs where there is no network.
{
  description = "tcpstats: TCP connections of FreeBSD as a device, and its tests on every release at once";

  # Rust 1.95 is needed, which stable releases may lack.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      constants = import ./nix/constants.nix;
      forEachSystem =
        make: nixpkgs.lib.genAttrs constants.systems (system: make nixpkgs.legacyPackages.${system});
      programs = pkgs: import ./nix/packages.nix { inherit pkgs self; };
    in
    {
      packages = forEachSystem (
        pkgs:
        programs pkgs
        // import ./nix/freebsd-integration.nix {
          inherit pkgs self constants;
          inherit (programs pkgs) orchestrator;
        }
        // import ./nix/kmod-tests.nix { inherit pkgs self; }
      );

      devShells = forEachSystem (pkgs: {
        default = import ./nix/dev-shell.nix { inherit pkgs; };
      });

      checks = forEachSystem (pkgs: import ./nix/checks.nix { inherit pkgs nixpkgs self; });

      nixosModules.default = import ./nix/module.nix self;

      formatter = forEachSystem (pkgs: pkgs.nixfmt-tree);
    };
}
