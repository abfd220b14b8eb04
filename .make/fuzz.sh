#!/usr/bin/env bash
# fuzz.sh BUILD SECONDS RUNS TARGET...: run libFuzzer's programs BUILD/fuzz/TARGET, one after the
# other, each for so many seconds or, if RUNS is not empty, so many executions. Each begins with
# tests/fuzz/corpus/TARGET and tests/fuzz/regressions/TARGET; inputs that reach new code go to
# BUILD/corpus/TARGET, where the next run begins as well. One line per target says what was done.
# Exit code 1 if an input crashed, hung, broke a rule or took too much memory: the input is left in
# BUILD/crashes, and the command that runs it again is printed. Exit code 2 for wrong arguments.
build=$1 seconds=$2 runs=$3
shift 3
if ! [[ $seconds =~ ^[1-9][0-9]*$ && ${runs:-1} =~ ^[1-9][0-9]*$ ]]; then
  echo "SECONDS and RUNS must be whole numbers from 1 up, got '$seconds' and '$runs'." >&2
  exit 2
fi
export OMP_NUM_THREADS=1  # inputs are small: a second thread would only be waited for
# Nothing that fits into an input needs a block of 256 MB: asking for one is a crash, or to ops, which
# may be told to make one, an Error. Freed memory stays in the cache, and the origin of a block is not
# written down in full: running a crash's input again by itself, as is said below, shows all.
limit=max_allocation_size_mb=256
bounds=(-timeout=10 -rss_limit_mb=2048)
export ASAN_OPTIONS=$limit:quarantine_size_mb=8:malloc_context_size=2:$ASAN_OPTIONS
scratch=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")") || exit 1
export TMPDIR=$scratch
running=''
trap '[ -z "$running" ] || kill "$running" 2>/dev/null; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$build/crashes" "$build/logs"

live() { if [ -t 1 ]; then printf '\r\033[K%.78s' "$1"; fi; }
# short 1234567: 1.23M
short() {
  awk -v n="${1:-0}" 'BEGIN {
    if (n >= 1e6) printf "%.2fM", n / 1e6; else if (n >= 1e4) printf "%.0fk", n / 1e3; else print n }'
}
# What libFuzzer's log says: `last cov:` in its latest line, `statistic NAME` at the end.
last() { awk -v key="$1" '/^#/ { for (i = 2; i < NF; ++i) if ($i == key) value = $(i + 1) } END { print value }' "$log"; }
statistic() { awk -v key="stat::$1:" '$1 == key { print $2 }' "$log"; }

# show_progress: once a second, what the running target has done and how long it will go on.
show_progress() {
  local done_so_far elapsed left
  while kill -0 "$running" 2>/dev/null; do
    sleep 1
    elapsed=$((SECONDS - began))
    done_so_far=$(awk '/^#/ { n = substr($1, 2) } END { print n + 0 }' "$log")
    left="$((seconds > elapsed ? seconds - elapsed : 0)) s left"
    [ -z "$runs" ] || left=$(awk -v n="$done_so_far" -v of="$runs" -v s="$elapsed" 'BEGIN {
      if (n > 0) printf "about %.0f s left", s * (of - n) / n }')
    live "$target: $(short "$done_so_far") executions, $(last cov:) edges, $elapsed s, $left"
  done
}

report_crash() {
  local input
  input=$(awk '/Test unit written to / { print $NF }' "$log")
  grep -m1 -aE '^ *what\(\):|ERROR: |SUMMARY: |runtime error' "$log" | cut -c 1-300
  echo "$target failed; its last words are in $log. To run the input again:"
  echo "  OMP_NUM_THREADS=1 ASAN_OPTIONS=$limit $program ${bounds[*]} ${input:-(none was written)}"
  echo "A mistake that is fixed becomes a test: move the input to tests/fuzz/regressions/$target/."
}

printf '%-13s %10s %8s %8s %9s %6s %7s\n' target executions seconds 'per s' features edges crashes
failed=0
for target; do
  program=$build/fuzz/$target log=$build/logs/$target began=$SECONDS
  inputs=("$build/corpus/$target")
  mkdir -p "${inputs[0]}"
  for directory in "tests/fuzz/corpus/$target" "tests/fuzz/regressions/$target"; do
    [ -d "$directory" ] && inputs+=("$directory")
  done
  case $target in graphs) longest=160 ;; checkpoint) longest=8192 ;; *) longest=4096 ;; esac
  dictionary=tests/fuzz/dictionaries/$target.dict
  # A run that counts executions still ends: after six hours. Without libFuzzer's statistics of rare
  # features, which take half of the time, as many features are found in the same time.
  "$program" -max_total_time="$([ "$runs" ] && echo 21600 || echo "$seconds")" ${runs:+-runs="$runs"} \
    $([ -e "$dictionary" ] && echo "-dict=$dictionary") -max_len="$longest" \
    "${bounds[@]}" -print_final_stats=1 -print_funcs=0 -reload=0 -entropic=0 \
    -artifact_prefix="$build/crashes/$target-" "${inputs[@]}" > "$log" 2>&1 &
  running=$!
  [ -t 1 ] && show_progress
  wait "$running"
  status=$? running=''
  live ''
  [ -t 1 ] && printf '\r'
  elapsed=$((SECONDS - began)) executions=$(statistic number_of_executed_units)
  printf '%-13s %10s %8s %8s %9s %6s %7s\n' "$target" "$(short "${executions:-$(last '')}")" "$elapsed" \
    "$(short "$(statistic average_exec_per_sec)")" "$(last ft:)" "$(last cov:)" "$((status != 0))"
  grep -a '^fuzz: ' "$log" | cut -d ' ' -f 2-
  if [ "$status" -ne 0 ]; then report_crash; failed=1; fi
done
exit $failed
