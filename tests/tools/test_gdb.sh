#!/usr/bin/env bash
# test_gdb.sh PROGRAM: whether tensor/gdb_printers.py shows what tests/gdb/program.cpp holds. PROGRAM is that, built.
set -euo pipefail
command -v gdb >/dev/null || { echo "gdb_printers: skipped, there is no gdb (hint: make deps-dev)"; exit 0; }

found=$(mktemp) && expected=$(mktemp) && trap 'rm -f "$found" "$expected"' EXIT
commands=()
while IFS='|' read -r name text; do
  commands+=(-ex "print $name")
  echo "$name = $text" >>"$expected"
done <<'END'
undefined|Tensor undefined
scalar|Tensor float32 () 2.5
mask|Tensor boolean (2) [True, False]
matrix|Tensor int64 (2, 3) [[1, 2, 3], [4, 5, 6]]
transposed|Tensor float64 (3, 2) [[1, 4], [2, 5], [3, 6]]
part|Tensor int64 (2, 2) [[2, 3], [5, 6]]
half|Tensor bfloat16 (2) [1.5, 1.5]
numbers|Tensor float32 (100) [0, 1, 2, ..., 97, 98, 99]
nothing|Tensor float32 (0, 3) []
shape|(2, 3)
constant|Variable float32 () 2.5
weight|Variable float32 (2) [3, 3], requires grad, gradient: float32 (2) [2, 2]
table|Variable float32 (4, 2) [[1, 1], [1, 1], [1, 1], [1, 1]], requires grad, gradient: rows int64 (2) [1, 3] of values float32 (2, 2) [[1, 1], [1, 1]]
product|Variable mul float32 (2) [6, 6], requires grad
before|Variable float32 (2) [3, 3], requires grad, gradient: none
nobody|Variable undefined
END

# A machine may forbid debugging (a container, say): that is told from a printer that fails.
gdb -nx -batch -ex 'break stop_here' -ex run "$1" >"$found" 2>&1 || true
if ! grep -q 'Breakpoint 1, stop_here' "$found"; then
  echo "gdb_printers: skipped, gdb cannot run a program here: $(tail -n 1 "$found")"
  exit 0
fi
gdb -nx -batch -ex 'source tensor/gdb_printers.py' -ex 'break stop_here' -ex run -ex up -ex 'set width 0' \
  "${commands[@]}" "$1" 2>&1 | sed -nE 's/^\$[0-9]+ = //p; /[Ee]rror/p' |
  paste -d '=' <(sed -E 's/ = .*//' "$expected") - | sed 's/=/ = /' >"$found"
diff "$expected" "$found" || { echo "gdb_printers: expected (<) is not what was found (>)" >&2; exit 1; }
echo "gdb_printers: $(wc -l <"$expected") values shown as they should be"
