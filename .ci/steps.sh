# For .ci/run and .ci/nightly.

# From here on Clippy's driver compiles the crates of the workspace. It is rustc, and lints besides, so that no crate is
# compiled once for the lints and once for the tests. The arguments are what `cargo clippy -- --deny warnings` gives it.
compile_with_clippy() {
  export RUSTC_WORKSPACE_WRAPPER=clippy-driver
  export CLIPPY_ARGS=--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
}

# `step` names what begins, and at the end, also of a run that failed, a table says how long each took.

step_names=()
step_seconds=()
step_began=0

step() {
  end_step
  step_names+=("$*")
  step_began=$SECONDS
  printf '\n=== %s (%s s)\n' "$*" "$SECONDS"
}

end_step() {
  if ((${#step_names[@]} > 0)); then
    step_seconds+=($((SECONDS - step_began)))
  fi
}

print_steps() {
  end_step
  printf '\n=== Seconds of each step\n'
  for number in "${!step_names[@]}"; do
    printf '%6d  %s\n' "${step_seconds[$number]}" "${step_names[$number]}"
  done
  printf '%6d  together\n' "$SECONDS"
}
