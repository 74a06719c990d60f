#!/usr/bin/env bash
# test_cuda.sh OUT: the tests that need a CUDA device, with the programs built in OUT. The cases about devices; training
# on the device, and predicting on either what was trained on either; then the cases again under compute-sanitizer,
# where that is installed, each of its tools for SANITIZER_SECONDS at most (default 180). Goes on after a failure, so
# that one run tells all. Where there is no device, or none in the build, it says so in one line and succeeds.
set -uo pipefail
out=$1 sanitizer_seconds=${SANITIZER_SECONDS:-180} failed=0
recipes=$(dirname "$0")/../../apps/data/recipes.csv
export ROUX_APPS=$out/apps
every_case='*device*,*CUDA*' operations='*every device gives*,*graphed step on a device*'
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
say() { echo "test-cuda: $*"; }

device=$("$out/bench/cuda_bench" --name) || { say "cuda_bench --name failed" >&2; exit 1; }
case $device in
  "no CUDA device: this build has no CUDA"*)
    say "SKIPPED, this build has no CUDA backend (hint: make CUDA=1 test-cuda)"; exit 0 ;;
  "no CUDA device: "*) say "SKIPPED, $device"; exit 0 ;;
esac
nvidia-smi --query-gpu=index,name,driver_version,memory.total --format=csv,noheader 2>/dev/null |
  sed 's/^/test-cuda: nvidia-smi: /'
say "$device"

step() {  # step NAME COMMAND...: runs it, and shows what it printed where it failed.
  local name=$1 started=$SECONDS
  shift
  if "$@" >"$folder/log" 2>&1; then
    say "$name: passed in $((SECONDS - started)) s"
    grep -E '^test-cuda: ' "$folder/log"
  else
    tail -n 60 "$folder/log" >&2
    say "$name: FAILED after $((SECONDS - started)) s"
    failed=1
  fi
}

cases() {  # cases FILTER COMMAND...: the tests whose names match, at least one of them.
  local filter=$1
  shift
  "$@" "$out/tests/roux_tests" --test-suite-exclude=slow --test-case="$filter" >"$folder/cases" 2>&1
  local status=$?
  cat "$folder/cases"
  [ "$status" = 0 ] || return "$status"
  grep -E 'test cases: +[1-9]' "$folder/cases" | sed 's/.*test cases: */test-cuda:   cases: /'
  grep -qE 'test cases: +[1-9]' "$folder/cases"
}

# ---- Training and predicting. --------------------------------------------------------------------------------------
train() {  # train DEVICE
  "$out/apps/train_recipes" --data "$recipes" --device "$1" --epochs 3 --save "$folder/$1" --json "$folder/$1.json" 2>&1
}
train_on_device() {
  train cuda >"$folder/training" || { cat "$folder/training"; return 1; }
  cat "$folder/training"
  ! grep 'not replayed' "$folder/training" || return 1
}
# Of each model; a title of the validation part more or less is 0.003.
same_accuracy() {
  paste <(grep -o '"accuracy": [0-9.]*' "$folder/cuda.json") <(grep -o '"accuracy": [0-9.]*' "$folder/cpu.json") |
    awk '{ print "test-cuda:   accuracy", $2, "on the CPU", $4; d = $2 - $4; if (d > 0.03 || d < -0.03) bad = 1 }
         END { exit bad || NR == 0 }'
}
# The same labels, and probabilities to 0.001; where there are two classes that are even, either label will do.
same_predictions() {  # same_predictions DEVICE: of what was trained on it
  local where
  for where in cpu cuda; do
    "$out/apps/predict" --device "$where" "$folder/$1" <"$folder/titles" >"$folder/on_$where" || return 1
  done
  paste <(cut -f 1,2 "$folder/on_cpu") <(cut -f 1,2 "$folder/on_cuda") |
    awk -F '\t' '{ d = $1 == $3 ? $2 - $4 : $2 + $4 - 1; if (d > 0.001 || d < -0.001) { print NR ": " $0; bad = 1 } }
                 END { print "test-cuda:   " NR " titles"; exit bad || NR == 0 }'
}

# ---- compute-sanitizer. --------------------------------------------------------------------------------------------
find_sanitizer() {
  local nvcc candidate
  nvcc=$(command -v "${NVCC:-nvcc}")
  for candidate in "$(command -v compute-sanitizer)" "${nvcc%nvcc}compute-sanitizer" \
    /usr/local/cuda/bin/compute-sanitizer /usr/local/cuda/compute-sanitizer/compute-sanitizer \
    /opt/cuda/bin/compute-sanitizer /opt/cuda/extras/compute-sanitizer/compute-sanitizer; do
    if [ -f "$candidate" ] && [ -x "$candidate" ]; then echo "$candidate"; return; fi
  done
}
sanitize() {  # sanitize FILTER TOOL OPTION...
  local filter=$1 tool=$2
  shift 2
  cases "$filter" timeout -k 20 "$sanitizer_seconds" \
    "$sanitizer" --tool "$tool" --error-exitcode 9 --print-limit 20 "$@"
  local status=$?
  [ "$status" = 124 ] || [ "$status" = 137 ] || return "$status"
  ! grep -qE '^========= .*(Invalid|Error|Race|hazard|Uninitialized|Barrier|Misaligned)' "$folder/cases" || return 1
  echo "test-cuda:   stopped after $sanitizer_seconds s; no finding until then"
}

step "cases about devices" cases "$every_case"
step "training on the device" train_on_device
step "training on the CPU" train cpu
step "both give the same accuracy" same_accuracy
tail -n +2 "$recipes" | head -n 500 >"$folder/titles"
step "trained on the device, predicted on the CPU and on the device" same_predictions cuda
step "trained on the CPU, predicted on the CPU and on the device" same_predictions cpu

sanitizer=$(find_sanitizer)
if [ -n "$sanitizer" ]; then
  # Errors of the runtime's calls are the tests' own matter: some provoke them.
  step "memcheck" sanitize "$every_case" memcheck --report-api-errors no
  for tool in racecheck initcheck synccheck; do step "$tool" sanitize "$operations" $tool; done
else
  say "compute-sanitizer is not installed: memcheck, racecheck, initcheck and synccheck are left out"
fi
say "$([ $failed = 0 ] && echo passed || echo FAILED) on ${device#device: }"
exit $failed
