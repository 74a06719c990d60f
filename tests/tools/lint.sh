#!/usr/bin/env bash
# What `make lint` checks besides the layout: who may include whom, what headers may hold, lengths, and leftovers.
# Prints one line a finding, `file:line: what`, and exits 1 if there is any.
set -uo pipefail
findings=$(mktemp) && trap 'rm -f "$findings"' EXIT
tracked() { git ls-files --cached --others --exclude-standard -- "$@" | sort -u | while read -r f; do [ -f "$f" ] && echo "$f"; done; }
mapfile -t sources < <(tracked '*.h' '*.cpp' '*.cu' '*.cuh')
mapfile -t headers < <(tracked '*.h' '*.cuh')
mapfile -t texts < <(tracked ':!*.csv' ':!*.json' ':!*.safetensors' ':!*.svg' ':!*.png' ':!tests/oracle' ':!apps/data')
[ ${#sources[@]} -gt 0 ] || exit 0

# Floors: a folder includes only itself and those under it.
awk '
  BEGIN {
    may["tensor"] = " tensor "; may["cuda"] = " cuda tensor "; may["autograd"] = " autograd tensor "
    may["nn"] = " nn autograd tensor "; may["text"] = " text tensor "
    may["apps"] = " apps text nn autograd cuda tensor "; may["tests"] = " tests" may["apps"]
  }
  match($0, /^[ \t]*#[ \t]*include[ \t]+"[^"]+"/) {
    split($0, quoted, "\""); name = quoted[2]
    split(FILENAME, from, "/"); split(name, to, "/")
    if (!(to[1] in may) || name !~ /\//) print FILENAME ":" FNR ": not written from the root: " name
    else if (index(may[from[1]], " " to[1] " ") == 0) print FILENAME ":" FNR ": " from[1] " may not include " name
    else if ((getline line < name) < 0) print FILENAME ":" FNR ": no such file: " name
    else close(name)
    if (FILENAME ~ /^(tensor|autograd|nn|text)\/[^\/]*\.h$/ && name ~ /^tensor\/cpu\//)
      print FILENAME ":" FNR ": an installed header includes " name ", which is not installed"
  }' "${sources[@]}" >>"$findings"

# Cycles between headers.
grep -HE '^ *# *include "' "${headers[@]}" | sed -E 's/^([^:]+):.*"([^"]+)".*/\1 \2/' | tsort 2>&1 >/dev/null |
  sed 's/^tsort: -: input contains a loop:/include cycle:/; s/^tsort:/ /' >>"$findings"

# Headers: `#pragma once`, and nothing slow or narrow in them.
for header in "${headers[@]}"; do
  grep -q '^#pragma once' "$header" || echo "$header:1: no #pragma once" >>"$findings"
done
mapfile -t public < <(printf '%s\n' "${headers[@]}" | grep -vE '^(tensor/cpu|cuda|tests)/')
grep -nHE '# *include *<(nlohmann/.*|.*intrin\.h|arm_neon\.h|thread|future|condition_variable|cblas\.h|CLI/.*|utf8proc\.h|zlib\.h)>' \
  "${public[@]}" | grep -v '^apps/.*<CLI/' | sed 's/$/  (only in .cpp files)/' >>"$findings"
grep -nHE '# *include *<nlohmann/' "${headers[@]}" | sed 's/$/  (only in .cpp files)/' >>"$findings"

# Lengths, layout, and the comment that opens a file.
awk '
  function report(line, what) { print FILENAME ":" line ": " what }
  FNR == 1 { start = 0; if ($0 !~ /^\/\//) report(1, "does not open with a comment on what it is for") }
  /\t/ { report(FNR, "tab") }
  /[ \t\r]$/ { report(FNR, "white space at the end of the line") }
  FNR == 501 { report(FNR, "more than 500 lines in one file") }
  /^[A-Za-z_].*\)[ \t]*(const|noexcept|override|->[^;]*)*[ \t]*\{[ \t]*$/ { start = FNR }
  /^\}/ { if (start && FNR - start > 70) report(start, FNR - start " lines in one function, 70 at most"); start = 0 }
' "${sources[@]}" >>"$findings"

LC_ALL=C.UTF-8 grep -nHE '^.{121}' "${sources[@]}" | sed -E 's/^([^:]+:[0-9]+):.*/\1: more than 120 columns/' >>"$findings"

# Leftovers and paths of one machine. This file names what it looks for.
for file in "${texts[@]}"; do
  case $file in tests/tools/lint.sh | *.gitignore) continue ;; esac
  grep -nHE '\b(TODO|FIXME|XXX|HACK|not implemented|for now|placeholder|stub)\b' "$file"
  grep -nHE '(^|[^A-Za-z0-9_.}/])/(home|work|root|Users|mnt|tmp)/' "$file"
  grep -nHE '^(<<<<<<<|>>>>>>>|=======$)' "$file"
done | sed 's/$/  (leftover, or a path of one machine)/' >>"$findings"

# The top level, and a README in every folder of it.
tracked | cut -d/ -f1 | sort -u |
  grep -vxE 'tensor|autograd|nn|text|cuda|apps|tests|Makefile|README\.md|LICENSE|\..*' |
  sed 's/$/: has no place at the top level/' >>"$findings"
for folder in . tensor autograd nn text cuda apps tests; do
  if [ -d $folder ] && [ -n "$(tracked $folder)" ] && [ ! -f $folder/README.md ]; then echo "$folder: no README.md"; fi
done >>"$findings"

[ -s "$findings" ] || exit 0
cat "$findings" >&2
echo "lint: $(wc -l <"$findings") found" >&2
exit 1
