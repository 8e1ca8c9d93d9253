# For .ci/run and .ci/nightly.

# From here on Clippy's driver compiles the crates of the workspace. It is rustc, and lints besides, so that no crate is
# compiled once for the lints and once for the tests. The arguments are what `cargo clippy -- --deny warnings` gives it.
compile_with_clippy() {
  export RUSTC_WORKSPACE_WRAPPER=clippy-driver
  export CLIPPY_ARGS=--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
}

# Begins `.ci/sam_build.py` with these arguments, beside all that follows.
# With the least priority, so that it slows no test down, and in a process group of its own, so that all of it ends with this.
# A session of its own would do too, and undo the priority: Linux divides the processors among sessions first.
begin_sam_build() {
  mkdir -p .local
  set -m
  nice -n 19 python3 .ci/sam_build.py "$@" >.local/sam-build.log 2>&1 &
  sam_build=$!
  set +m
  trap 'kill -- "-$sam_build" 2>/dev/null || true; print_steps' EXIT
}

# Shows what it says until it ends, and fails if it did.
end_sam_build() {
  tail -f -n +1 --pid="$sam_build" .local/sam-build.log
  wait "$sam_build"
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
