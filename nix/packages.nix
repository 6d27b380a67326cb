# SPDX-License-Identifier: BSD-2-Clause
# The programs, for this machine.  Those that are uploaded to VMs come from
# `make dist` and `make freebsd` instead: what Nix builds needs /nix/store where
# it runs.
{ pkgs, self }:
let
  inherit (builtins.fromTOML (builtins.readFile ../Cargo.toml)) workspace;

  rustPackage =
    pname: members: extra:
    pkgs.rustPlatform.buildRustPackage (
      {
        inherit pname;
        inherit (workspace.package) version;
        src = self;
        cargoLock.lockFile = ../Cargo.lock;
        cargoBuildFlags = builtins.concatMap (member: [
          "-p"
          member
        ]) members;
        # Its tests are in nix/checks.nix; most need root, sshd and the device.
        doCheck = false;
      }
      // extra
    );

  orchestrator = rustPackage "orchestrator" [ "orchestrator" ] {
    postInstall = ''
      mkdir -p $out/share/man/man1 $out/share/bash-completion/completions $out/lib/systemd/system
      $out/bin/orchestrator man $out/share/man/man1
      $out/bin/orchestrator completions bash >$out/share/bash-completion/completions/orchestrator
      sed "s|/usr/local/bin|$out/bin|" packaging/tcpstats-orchestrator.service \
        >$out/lib/systemd/system/tcpstats-orchestrator.service
    '';
    meta = {
      description = "Drives the tests of tcpstats on many machines over SSH";
      license = pkgs.lib.licenses.bsd2;
      mainProgram = "orchestrator";
    };
  };
in
{
  inherit orchestrator;
  default = orchestrator;

  vm-programs =
    rustPackage "tcpstats-vm-programs"
      [
        "kmod-integration"
        "tcp-echo"
        "tcpstats"
        "tcpstats-exporter"
      ]
      {
        postInstall = ''
          for page in vm-bin/*/man/*.[18]; do
            install -D -m 644 "$page" "$out/share/man/man''${page##*.}/''${page##*/}"
          done
        '';
        meta = {
          description = "Test binary, load generator, reader and exporter of tcpstats";
          license = pkgs.lib.licenses.bsd2;
          mainProgram = "kmod-integration";
        };
      };

  tcpstatsd = rustPackage "tcpstatsd" [ "tcpstatsd" ] {
    nativeBuildInputs = [ pkgs.pkg-config ];
    buildInputs = [ pkgs.fuse3 ];
    meta = {
      description = "The tcpstats device on Linux";
      license = pkgs.lib.licenses.bsd2;
      mainProgram = "tcpstatsd";
    };
  };
}
