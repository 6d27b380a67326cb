# SPDX-License-Identifier: BSD-2-Clause
# A NixOS of three options, for modules that set no others: what they define is
# merged and checked, an option that does not exist is an error.
{ lib, packagesOf }:
{ modules }:
let
  base = {
    options = {
      nixpkgs.hostPlatform = lib.mkOption { type = lib.types.str; };
      systemd.packages = lib.mkOption { type = lib.types.listOf lib.types.package; };
      systemd.services = lib.mkOption { type = lib.types.attrsOf lib.types.submodule; };
    };
  };

  utils.escapeSystemdExecArgs =
    arguments:
    lib.concatStringsSep " " (
      map (
        argument:
        assert builtins.isString argument;
        builtins.replaceStrings [ "%" "$" ] [ "%%" "$$" ] (builtins.toJSON argument)
      ) arguments
    );

  evaluate = module: if builtins.isFunction module then module arguments else module;
  arguments = {
    inherit config lib utils;
    pkgs = packagesOf config.nixpkgs.hostPlatform;
  };
  evaluated = map evaluate ([ base ] ++ modules);
  configs = map (
    module: module.config or (builtins.removeAttrs module [ "options" ])
  ) evaluated;

  isOption = value: value._type or null == "option";
  isIf = value: value._type or null == "if";

  mergeOptions = builtins.zipAttrsWith (
    name: values:
    if !builtins.any isOption values then
      mergeOptions values
    else if builtins.length values == 1 then
      builtins.head values
    else
      throw "the option ${name} is declared twice"
  );
  options = mergeOptions (map (module: module.options or { }) evaluated);

  # The values that a definition has at a path.  A condition is looked at only
  # where it decides, as it may depend on another option.
  valuesAt =
    path: definition:
    if isIf definition then
      let
        values = valuesAt path definition.content;
      in
      if values == [ ] || !definition.condition then [ ] else values
    else if path == [ ] then
      [ definition ]
    else
      let
        name = builtins.head path;
      in
      if definition ? ${name} then valuesAt (builtins.tail path) definition.${name} else [ ];

  valueOf =
    path: option:
    let
      name = lib.concatStringsSep "." path;
      values = builtins.concatMap (valuesAt path) configs;
      value = option.type.merge name values;
    in
    if values == [ ] then
      option.default or (throw "${name} is not set")
    else if option.type.check value then
      value
    else
      throw "${name} is not ${option.type.name}";

  valuesOf =
    path: tree:
    if isOption tree then
      valueOf path tree
    else
      builtins.mapAttrs (name: valuesOf (path ++ [ name ])) tree;

  # Whether all that a definition sets are options.
  checked =
    path: tree: definition:
    if isIf definition then
      checked path tree definition.content
    else if isOption tree then
      true
    else
      builtins.all (
        name:
        if tree ? ${name} then
          checked (path ++ [ name ]) tree.${name} definition.${name}
        else
          throw "there is no option ${lib.concatStringsSep "." (path ++ [ name ])}"
      ) (builtins.attrNames definition);

  config = valuesOf [ ] options;
in
assert builtins.all (checked [ ] options) configs;
{
  inherit config;
}
