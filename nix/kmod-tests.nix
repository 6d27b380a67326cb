# SPDX-License-Identifier: BSD-2-Clause
# `nix run .#kmod-test-unit` and its kin: the C core's tests on this machine.
{ pkgs, self }:
let
  targets = [
    "unit"
    "memcheck"
    "asan"
    "ubsan"
    "bench"
    "callgrind"
  ];

  # Each target has objects of its own, which go when the script ends, unless
  # OBJDIR says where they stay.  Sources in the store all have one old time, so
  # objects that are there say nothing of what they were made from.
  kmodTest =
    name: chosen:
    pkgs.writeShellApplication {
      name = "kmod-test-${name}";
      runtimeInputs = [
        pkgs.coreutils
        pkgs.diffutils
        pkgs.gcc
        pkgs.gnumake
        pkgs.gnused
        pkgs.valgrind
      ];
      text = ''
        objects=''${OBJDIR-}
        if [ -z "$objects" ]; then
          objects=$(mktemp -d)
          trap 'rm -rf "$objects"' EXIT
        fi
        targets=(${toString chosen})
        status=0
        for target in "''${targets[@]}"; do
          make --no-print-directory --jobs="$(nproc)" --always-make -C ${self}/kmod/tcpstats/test "$target" \
            CC=gcc OBJDIR="$(realpath "$objects")/$target" || status=1
        done
        exit "$status"
      '';
      meta.description = "The C core: ${toString chosen}";
    };
in
builtins.listToAttrs (
  map (target: {
    name = "kmod-test-${target}";
    value = kmodTest target [ target ];
  }) targets
)
// {
  kmod-test-all = kmodTest "all" targets;
}
