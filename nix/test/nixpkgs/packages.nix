# SPDX-License-Identifier: BSD-2-Clause
# Of nixpkgs' packages and builders, what this project uses.
{
  lib,
  machine,
  system,
}:
let
  shell = "/bin/bash";

  # A package of the machine's programs; `b=a` has a under the name b.
  programs =
    name: names:
    derivation {
      inherit name system names;
      builder = shell;
      args = [ ./take-programs.sh ];
      PATH = machine.path;
    };

  # What every build and dev shell has.
  base = programs "base" [
    "basename"
    "bash"
    "cat"
    "cc"
    "chmod"
    "cmp"
    "cp"
    "diff"
    "dirname"
    "env"
    "grep"
    "install"
    "ln"
    "ls"
    "make"
    "mkdir"
    "mktemp"
    "mv"
    "nproc"
    "realpath"
    "rm"
    "sed"
    "sort"
    "tail"
    "touch"
    "tr"
    "uname"
  ];

  stdenv =
    derivation {
      name = "stdenv";
      inherit system base;
      builder = shell;
      args = [ ./make-stdenv.sh ];
      setup = ./setup.sh;
    }
    // {
      hostPlatform = { inherit system; };
    };

  build =
    {
      meta ? { },
      ...
    }@attributes:
    derivation (
      {
        name = "${attributes.pname}-${attributes.version}";
        inherit base stdenv system;
        builder = shell;
        args = [ ./builder.sh ];
        # `nix develop` asks for it by name.
        outputs = [ "out" ];
        # The machine's Rust may be rustup's.
        HOME = machine.home;
      }
      // builtins.removeAttrs attributes [
        "cargoLock"
        "meta"
      ]
    )
    // {
      inherit meta;
      version = attributes.version or "";
    };

  script =
    {
      name,
      text,
      runtimeInputs ? [ ],
      meta ? { },
    }:
    build {
      inherit name;
      meta = {
        mainProgram = name;
      }
      // meta;
      nativeBuildInputs = [ (programs "shellcheck" [ "shellcheck" ]) ];
      text = ''
        #!${shell}
        set -o errexit -o nounset -o pipefail
        export PATH="${lib.makeBinPath runtimeInputs}:$PATH"

        ${text}
      '';
      buildCommand = ''
        mkdir -p $out/bin
        printf %s "$text" >$out/bin/$name
        chmod +x $out/bin/$name
        shellcheck $out/bin/$name
      '';
    };
in
{
  inherit lib stdenv;

  writeShellApplication = script;
  writeShellScriptBin = name: text: script { inherit name text; };
  runCommand =
    name: attributes: buildCommand:
    build (attributes // { inherit name buildCommand; });
  mkShell =
    { packages, buildInputs }:
    build {
      name = "dev-shell";
      inherit buildInputs;
      nativeBuildInputs = packages;
      buildCommand = "touch $out";
    };

  # Without a phase of its own it builds nothing: it takes what cargo built.
  rustPlatform.buildRustPackage =
    {
      nativeBuildInputs ? [ ],
      ...
    }@attributes:
    build (
      {
        cargoBuildFlags = [ ];
        buildPhase = "true";
        installPhase = ''
          for program in ''${cargoBuildFlags//-p/}; do
            install -D ${machine.programs}/$program $out/bin/$program
          done
        '';
      }
      // attributes
      // {
        nativeBuildInputs = nativeBuildInputs ++ [
          (programs "rust" [
            "cargo"
            "rustc"
          ])
        ];
      }
    );

  bmake = programs "bmake" [ "bmake" ];
  cargo = programs "cargo" [ "cargo" ];
  clang-tools = programs "clang-tools" [ "clang-format=clang-format-14" ];
  clippy = programs "clippy" [
    "cargo-clippy"
    "clippy-driver"
  ];
  coreutils = base;
  curl = programs "curl" [ "curl" ];
  diffutils = programs "diffutils" [ "cmp" ];
  fuse3 = programs "fuse3" [ "fusermount3" ];
  gcc = programs "gcc" [
    "as"
    "gcc"
    "ld"
  ];
  git = programs "git" [ "git" ];
  gnumake = programs "gnumake" [ "make" ];
  gnused = programs "gnused" [ "sed" ];
  html-tidy = programs "html-tidy" [ "tidy" ];
  iproute2 = programs "iproute2" [
    "ip"
    "ss"
  ];
  libck = programs "libck" [ ];
  llvmPackages = {
    clang = programs "clang" [ "clang=clang-14" ];
    llvm = programs "llvm" (
      map (tool: "llvm-${tool}=llvm-${tool}-14") [
        "nm"
        "objcopy"
        "objdump"
        "readelf"
      ]
    );
  };
  mandoc = programs "mandoc" [ "mandoc" ];
  nix = programs "nix" [ "nix" ];
  nixfmt-tree = programs "nixfmt-tree" [ ];
  nodejs = programs "nodejs" [
    "node"
    "npm"
  ];
  openssh = programs "openssh" [
    "sftp"
    "ssh"
    "sshd"
  ];
  pkg-config = programs "pkg-config" [ "pkg-config" ];
  procps = programs "procps" [ "ps" ];
  prometheus = programs "prometheus" [ "prometheus" ] // {
    cli = programs "prometheus-cli" [ "promtool" ];
  };
  prometheus-alertmanager = programs "prometheus-alertmanager" [
    "amtool"
    "alertmanager=prometheus-alertmanager"
  ];
  python3 = programs "python3" [ "python3" ];
  rsync = programs "rsync" [ "rsync" ];
  rustc = programs "rustc" [ "rustc" ];
  rustfmt = programs "rustfmt" [
    "cargo-fmt"
    "rustfmt"
  ];
  shellcheck = programs "shellcheck" [ "shellcheck" ];
  util-linux = programs "util-linux" [ "flock" ];
  valgrind = programs "valgrind" [
    "callgrind_annotate"
    "valgrind"
  ];
}
