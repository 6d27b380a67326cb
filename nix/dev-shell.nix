# SPDX-License-Identifier: BSD-2-Clause
# Every tool of the Makefile, which names some as Debian does.
{ pkgs }:
let
  # The version is nixpkgs' present one, whatever the name says: nixpkgs keeps
  # no LLVM as old as Debian's.
  asDebianNames =
    name: program:
    pkgs.writeShellScriptBin name ''
      exec ${program} "$@"
    '';
  llvm = pkgs.llvmPackages;
in
pkgs.mkShell {
  buildInputs = [
    pkgs.fuse3
    pkgs.libck
  ];
  packages = [
    pkgs.bmake
    pkgs.cargo
    pkgs.clang-tools
    pkgs.clippy
    pkgs.curl
    pkgs.git
    pkgs.iproute2
    pkgs.mandoc
    pkgs.nix
    pkgs.openssh
    pkgs.pkg-config
    pkgs.procps
    pkgs.prometheus
    pkgs.prometheus.cli
    pkgs.python3
    pkgs.rsync
    pkgs.rustc
    pkgs.rustfmt
    pkgs.shellcheck
    pkgs.util-linux
    pkgs.valgrind
    (asDebianNames "clang-14" "${llvm.clang}/bin/clang")
    (asDebianNames "clang-format-14" "${pkgs.clang-tools}/bin/clang-format")
  ]
  ++ map (tool: asDebianNames "llvm-${tool}-14" "${llvm.llvm}/bin/llvm-${tool}") [
    "nm"
    "objcopy"
    "objdump"
    "readelf"
  ];
}
