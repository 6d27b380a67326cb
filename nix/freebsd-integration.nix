# SPDX-License-Identifier: BSD-2-Clause
# `nix run .#integration-test-freebsd`, and one for each VM by its name.  All of
# it is `orchestrator run`, which reads INTEGRATION_TARGET, FREEBSD_HOST and
# FREEBSD_DIR, finds the inventory and decides the exit status.
{
  pkgs,
  self,
  constants,
  orchestrator,
}:
let
  # The first argument may be categories, as in A,B,D; all others are
  # `orchestrator run`'s.
  integrationTest =
    name: description: which:
    pkgs.writeShellApplication {
      inherit name;
      runtimeInputs = [
        orchestrator
        pkgs.openssh
        pkgs.rsync
      ];
      text = ''
        arguments=(${which} --source ${self})
        if [[ ''${1-} == [!-]* ]]; then
          arguments+=(--category "$1")
          shift
        fi
        exec orchestrator run "''${arguments[@]}" "$@"
      '';
      meta = { inherit description; };
    };

  ofVm = vm: rec {
    name = "integration-test-${vm.name}";
    value = integrationTest name "Test ${vm.os} at ${vm.host}" vm.name;
  };
in
builtins.listToAttrs (map ofVm constants.vms)
// {
  integration-test-freebsd =
    integrationTest "integration-test-freebsd" "Test every VM of the inventory"
      "--all-vms";
}
