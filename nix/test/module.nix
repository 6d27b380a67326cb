# SPDX-License-Identifier: BSD-2-Clause
# The module in a NixOS configuration: with the paths of
# packaging/tcpstats-orchestrator.service it says what that does, and no less.
{
  pkgs,
  nixpkgs,
  self,
}:
let
  inherit (pkgs.stdenv.hostPlatform) system;
  inherit (self.packages.${system}) orchestrator;

  nixos = nixpkgs.lib.nixosSystem {
    modules = [
      self.nixosModules.default
      {
        nixpkgs.hostPlatform = system;
        services.tcpstats-orchestrator = {
          enable = true;
          inventory = "/etc/tcpstats/vms.toml";
          config = "/etc/tcpstats/serve.toml";
          tokenFile = "/etc/tcpstats/token";
          identityFile = "/etc/tcpstats/identity";
          dist = "/usr/local/share/tcpstats/dist";
          listen = "[::1]:9816";
          allowedHosts = [ "lab.example" ];
        };
      }
    ];
  };
  service = nixos.config.systemd.services.tcpstats-orchestrator;
  inherit (service.serviceConfig) ExecStart LoadCredential;
in
assert builtins.elem orchestrator nixos.config.systemd.packages;
assert service.wantedBy == [ "multi-user.target" ];
# What the unit says is taken back before it is said anew.
assert builtins.head ExecStart == "" && builtins.length ExecStart == 2;
assert builtins.head LoadCredential == "";
pkgs.runCommand "tcpstats-module"
  {
    unit = "${orchestrator}/lib/systemd/system/tcpstats-orchestrator.service";
    start = builtins.elemAt ExecStart 1;
    credentials = builtins.concatStringsSep "\n" (builtins.tail LoadCredential);
    listening = ''--source "${self}" --listen "[::1]:9816" --allowed-host "lab.example"'';
  }
  ''
    said() { sed -n "s|^$1=||p" "$unit"; }
    diff <(said LoadCredential) <(printf '%s\n' "$credentials")
    diff <(printf '%s %s\n' "$(said ExecStart)" "''${listening//\"/}") <(printf '%s\n' "''${start//\"/}")
    touch $out
  ''
