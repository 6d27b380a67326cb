# SPDX-License-Identifier: BSD-2-Clause
# Every tool of the Makefile, which names some as Debian does.  Tests that use
# files of /usr (libfaketime's library, the embedded hosts' programs) stay Debian's.
{ pkgs }:
let
  # The version is nixpkgs' present one, whatever the name says: nixpkgs keeps
  # no LLVM as old as Debian's.
  underDebianName =
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
    pkgs.html-tidy
    pkgs.iproute2
    pkgs.mandoc
    pkgs.nix
    pkgs.nodejs
    pkgs.openssh
    pkgs.pkg-config
    pkgs.procps
    pkgs.prometheus
    pkgs.prometheus-alertmanager
    pkgs.prometheus.cli
    pkgs.python3
    pkgs.rsync
    pkgs.rustc
    pkgs.rustfmt
    pkgs.shellcheck
    pkgs.util-linux
    pkgs.valgrind
    (underDebianName "prometheus-alertmanager" "${pkgs.prometheus-alertmanager}/bin/alertmanager")
    (underDebianName "clang-14" "${llvm.clang}/bin/clang")
    (underDebianName "clang-format-14" "${pkgs.clang-tools}/bin/clang-format")
  ]
  ++ map (tool: underDebianName "llvm-${tool}-14" "${llvm.llvm}/bin/llvm-${tool}") [
    "nm"
    "objcopy"
    "objdump"
    "readelf"
  ];
}
