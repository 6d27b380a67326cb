# SPDX-License-Identifier: BSD-2-Clause
# `orchestrator serve` as a service of NixOS.  The unit is
# packaging/tcpstats-orchestrator.service with all of its hardening; only what
# it runs and what it may read are said anew.
self:
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  cfg = config.services.tcpstats-orchestrator;
  inherit (lib) mkOption types;

  # systemd's own variables stay as they are; in all else `$` and `%` are text.
  flag = name: value: "--${name} ${utils.escapeSystemdExecArgs [ "${value}" ]}";
  start = lib.concatStringsSep " " (
    [
      "${cfg.package}/bin/orchestrator serve"
      (flag "inventory" cfg.inventory)
      (flag "config" cfg.config)
      (flag "dist" cfg.dist)
      "--runs-dir \${STATE_DIRECTORY}/runs"
      "--token-file \${CREDENTIALS_DIRECTORY}/token"
      (flag "source" cfg.source)
      (flag "listen" cfg.listen)
    ]
    ++ map (flag "allowed-host") cfg.allowedHosts
  );
in
{
  options.services.tcpstats-orchestrator = {
    enable = lib.mkEnableOption "the tests of tcpstats, on a schedule and on request";

    package = mkOption {
      type = types.package;
      default = self.packages.${pkgs.stdenv.hostPlatform.system}.orchestrator;
      defaultText = lib.literalExpression "tcpstats.packages.\${system}.orchestrator";
      description = "The package of the orchestrator, and of its unit.";
    };

    inventory = mkOption {
      type = types.path;
      example = lib.literalExpression "./vms.toml";
      description = ''
        The file that names the machines. Where `identityFile` is set, its `identity` is
        `/run/credentials/tcpstats-orchestrator.service/identity`. Host keys are those of
        {option}`programs.ssh.knownHosts`, unless the file's `known_hosts` says otherwise.
      '';
    };

    config = mkOption {
      type = types.path;
      example = lib.literalExpression "./serve.toml";
      description = "The file with the schedule.";
    };

    tokenFile = mkOption {
      type = types.str;
      example = "/run/secrets/tcpstats-token";
      description = ''
        A file outside of the store, of 16 characters or more, which requests to /api must carry.
      '';
    };

    identityFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "/run/secrets/tcpstats-identity";
      description = "A file outside of the store: the private key for the machines.";
    };

    listen = mkOption {
      type = types.str;
      default = "127.0.0.1:9815";
      description = "Where /metrics, the pages and /api are served.";
    };

    allowedHosts = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "lab.example" ];
      description = "Names, besides localhost, that requests may have in their Host.";
    };

    dist = mkOption {
      type = types.path;
      default = "/var/lib/tcpstats/dist";
      description = ''
        The folder of the programs to be uploaded, as `make dist` and `make freebsd` leave it.
        Machines that it has no programs for build `source`.
      '';
    };

    source = mkOption {
      type = types.path;
      default = self.outPath;
      defaultText = lib.literalExpression "tcpstats";
      description = "The source tree, for machines that build it.";
    };
  };

  config = lib.mkIf cfg.enable {
    systemd.packages = [ cfg.package ];
    systemd.services.tcpstats-orchestrator = {
      wantedBy = [ "multi-user.target" ];
      path = [
        pkgs.openssh
        pkgs.rsync
      ];
      # An empty string takes back what the unit says.
      serviceConfig = {
        ExecStart = [
          ""
          start
        ];
        LoadCredential = [
          ""
          "token:${cfg.tokenFile}"
        ]
        ++ lib.optional (cfg.identityFile != null) "identity:${cfg.identityFile}";
      };
    };
  };
}
