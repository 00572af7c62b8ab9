#!/bin/sh
# clang-format on every file, clang-tidy on every source of the release build.
set -eu
cd "$(dirname "$0")/.."
git ls-files '*.cpp' '*.hpp' | grep -v '^scripts/lint/' | xargs clang-format --dry-run -Werror
# clang cannot read g++'s precompiled headers: the checks run without them.
mkdir -p build/lint
sed -e 's/-Winvalid-pch -include [^ ]*cmake_pch.hxx//' build/release/compile_commands.json > build/lint/compile_commands.json
git ls-files 'src/*.cpp' | xargs -n 1 -P "$(nproc)" clang-tidy -p build/lint --quiet \
  --extra-arg-before=-include --extra-arg-before="$PWD/scripts/lint/vector.hpp" 2>build/lint/stderr.log ||
  { grep -v 'warnings.* generated' build/lint/stderr.log || true; exit 1; }
