# SPDX-License-Identifier: BSD-2-Clause
# What of `make test` runs in a sandbox: no root, no sshd, no device.
{
  pkgs,
  nixpkgs,
  self,
}:
let
  inherit (pkgs.stdenv.hostPlatform) system;
  programs = self.packages.${system};

  # A check that is one cargo command in the tree, with the crates there.
  cargoCheck =
    name: tools: command:
    pkgs.rustPlatform.buildRustPackage {
      pname = "tcpstats-${name}";
      inherit (programs.orchestrator) version;
      src = self;
      cargoLock.lockFile = ../Cargo.lock;
      nativeBuildInputs = [
        pkgs.cargo
        pkgs.pkg-config
      ]
      ++ tools;
      buildInputs = [ pkgs.fuse3 ];
      buildPhase = command;
      # Both it and clippy want to be the wrapper of rustc.
      auditable = false;
      doCheck = false;
      installPhase = "touch $out";
    };
in
{
  inherit (programs) orchestrator vm-programs tcpstatsd;

  fmt = cargoCheck "fmt" [ pkgs.rustfmt ] "cargo fmt --all --check";

  clippy =
    cargoCheck "clippy"
      [ pkgs.clippy ]
      "cargo clippy --workspace --all-targets --locked -- -D warnings";

  tests = cargoCheck "tests" [ ] "cargo test --locked -p c-layout -p protocol -p regression";

  kmod-unit = pkgs.runCommand "tcpstats-kmod-unit" { } ''
    ${programs.kmod-test-unit}/bin/kmod-test-unit
    touch $out
  '';

  module = import ./test/module.nix { inherit pkgs nixpkgs self; };
}
