"""Writes one source for each room that includes all of the room's, and the compile commands of these.

python3 scripts/lint/rooms.py build/release/compile_commands.json build/lint
"""

import collections
import json
import pathlib
import re
import sys

commands, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
root = pathlib.Path(__file__).resolve().parents[2]

rooms = collections.defaultdict(list)
for entry in json.loads(commands.read_text()):
    source = pathlib.Path(entry["file"])
    if source.is_relative_to(root / "src"):
        # A program's main file defines what another program's does too: it stays alone.
        name = source.relative_to(root / "src").parts[0]
        rooms[f"{name}-{source.stem}" if source.parent.name == "main" else name].append(entry)

merged = []
for name, entries in sorted(rooms.items()):
    entries.sort(key=lambda entry: entry["file"])
    path = output / f"{name}.cpp"
    path.write_text("".join(f'#include "{entry["file"]}"  // NOLINT(bugprone-suspicious-include)\n' for entry in entries))
    # Host sources see everything that a room's other ones do, and more.
    entry = max(entries, key=lambda entry: len(entry["command"]))
    # clang cannot read g++'s precompiled headers.
    command = re.sub(r"-Winvalid-pch -include \S*cmake_pch.hxx", "", entry["command"])
    command = command.replace(f" -c {entry['file']}", f" -c {path}")
    merged.append({"directory": entry["directory"], "file": str(path), "command": command})
(output / "compile_commands.json").write_text(json.dumps(merged, indent=1))
