#!/usr/bin/env bash
# bench_loop.sh [OP:SOURCE...]: how long from saving the source of an op to the answer of
# `make gradcheck OP=...`, in seconds, the best of three. The sources are touched, never changed;
# ccache stays out of it, for a source that was really changed is not in its store.
export CCACHE_DISABLE=1
[ $# -gt 0 ] || set -- softmax:softmax linear:linear layer_norm:norm
make gradcheck OP=softmax > /dev/null || exit  # whatever else is old is built before the clock runs
printf '%-32s %s\n' 'saved, then asked' 'seconds'
for pair; do
  op=${pair%%:*} source=src/ops/${pair#*:}.cpp best=
  [ -f "$source" ] || { echo "bench_loop: there is no $source" >&2; exit 2; }
  for _ in 1 2 3; do
    touch "$source"
    start=$(date +%s%N)
    make gradcheck OP="$op" > /dev/null || exit
    took=$((($(date +%s%N) - start) / 1000000))
    if [ -z "$best" ] || [ "$took" -lt "$best" ]; then best=$took; fi
  done
  printf '%-32s %d.%02d\n' "$source, $op" $((best / 1000)) $((best % 1000 / 10))
done
