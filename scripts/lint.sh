#!/bin/sh
# clang-format on every file, clang-tidy on every source of the release build. Most of clang-tidy's time goes into
# LibTorch's headers: the sources of a room are read as one, so that it meets them once a room.
set -eu
cd "$(dirname "$0")/.."
git ls-files '*.cpp' '*.hpp' | grep -v '^scripts/lint/' | xargs clang-format --dry-run -Werror
rm -rf build/lint
mkdir -p build/lint
python3 scripts/lint/rooms.py build/release/compile_commands.json build/lint
find build/lint -name '*.cpp' | sort | xargs -n 1 -P "$(nproc)" clang-tidy -p build/lint --quiet \
  --header-filter="$PWD/(src/.*\.cpp|.*partita/[a-z]+/[a-z0-9_]+\.hpp)$" \
  --extra-arg-before=-include --extra-arg-before="$PWD/scripts/lint/vector.hpp" 2>build/lint/stderr.log ||
  { grep -v 'warnings.* generated' build/lint/stderr.log || true; exit 1; }
