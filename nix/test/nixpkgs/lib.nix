# SPDX-License-Identifier: BSD-2-Clause
# Of nixpkgs' lib, what this project uses.
let
  typeOf = name: check: {
    inherit check name;
    merge =
      path: values:
      if builtins.length values == 1 then builtins.head values else throw "${path} is set twice";
  };
  isStringLike = value: builtins.isString value || builtins.isPath value || value ? outPath;
  concatStringsSep = builtins.concatStringsSep;
in
rec {
  inherit concatStringsSep;

  genAttrs =
    names: make:
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = make name;
      }) names
    );
  optional = condition: value: if condition then [ value ] else [ ];
  makeBinPath = packages: concatStringsSep ":" (map (package: "${package}/bin") packages);
  literalExpression = text: { inherit text; };
  licenses.bsd2.spdxId = "BSD-2-Clause";

  mkOption = option: option // { _type = "option"; };
  mkEnableOption =
    what:
    mkOption {
      type = types.bool;
      default = false;
      description = "Whether to enable ${what}.";
    };
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };

  types = {
    bool = typeOf "a boolean" builtins.isBool;
    str = typeOf "a string" builtins.isString;
    path = typeOf "an absolute path" (
      value: isStringLike value && builtins.substring 0 1 "${value}" == "/"
    );
    package = typeOf "a package" (value: value.type or null == "derivation");
    nullOr = type: typeOf "${type.name}, or null" (value: value == null || type.check value);
    listOf = type: {
      name = "a list of ${type.name}";
      check = value: builtins.isList value && builtins.all type.check value;
      merge = _: builtins.concatLists;
    };
    attrsOf = type: {
      name = "a set of ${type.name}";
      check = value: builtins.isAttrs value && builtins.all type.check (builtins.attrValues value);
      merge = path: values: builtins.zipAttrsWith (name: type.merge "${path}.${name}") values;
    };
    submodule = typeOf "a set" builtins.isAttrs;
  };
}
