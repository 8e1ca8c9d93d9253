# For .ci/run and .ci/nightly.

trap 'stop_all_beside; print_steps' EXIT

# From here on Clippy's driver compiles the crates of the workspace. It is rustc, and lints besides, so that no crate is
# compiled once for the lints and once for the tests. The arguments are what `cargo clippy -- --deny warnings` gives it.
# No crate is compiled for a second, changed build, which Cargo would prepare for otherwise.
compile_with_clippy() {
  export CARGO_INCREMENTAL=0
  export RUSTC_WORKSPACE_WRAPPER=clippy-driver
  export CLIPPY_ARGS=--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
}

# `begin` runs a command beside all that follows, under a name, and `finish` shows what it says until it ends, and fails if
# it did. Its process group ends with this script.
declare -A beside=()

begin() {
  local name=$1
  shift
  mkdir -p .local
  set -m
  "$@" >".local/$name.log" 2>&1 &
  beside[$name]=$!
  set +m
}

finish() {
  local process=${beside[$1]}
  tail -f -n +1 --pid="$process" ".local/$1.log"
  wait "$process"
  unset "beside[$1]"
}

stop_all_beside() {
  local process
  for process in "${beside[@]}"; do
    kill -- "-$process" 2>/dev/null || true
  done
}

# With the least priority, so that it slows no test down. A session of its own would undo that: Linux divides the processors
# among sessions first.
begin_sam_build() {
  begin sam-build nice -n 19 python3 .ci/sam_build.py "$@"
}

# `step` names what begins, and at the end, also of a run that failed, a table says how long each took, and how much of the
# processors. Work beside other steps counts where it is waited for.

step_names=()
step_seconds=()
step_processor_seconds=()
step_began=0
step_began_with=0

step() {
  end_step
  step_names+=("$*")
  step_began=$SECONDS
  step_began_with=$processor_seconds
  printf '\n=== %s (%s s)\n' "$*" "$SECONDS"
}

end_step() {
  read_processor_seconds
  if ((${#step_names[@]} > 0)); then
    step_seconds+=($((SECONDS - step_began)))
    step_processor_seconds+=($((processor_seconds - step_began_with)))
  fi
}

# Of all processes that this one has waited for. `times` says it in its second line, and in a subshell it would say 0.
read_processor_seconds() {
  mkdir -p .local
  times >.local/times
  processor_seconds=$(awk -F '[ms ]+' 'NR == 2 { printf "%d", 60 * ($1 + $3) + $2 + $4 }' .local/times)
}

print_steps() {
  end_step
  printf '\n=== Seconds of each step, and of the processors\n'
  for number in "${!step_names[@]}"; do
    printf '%6d %6d  %s\n' "${step_seconds[$number]}" "${step_processor_seconds[$number]}" "${step_names[$number]}"
  done
  printf '%6d %6d  together\n' "$SECONDS" "$processor_seconds"
}
