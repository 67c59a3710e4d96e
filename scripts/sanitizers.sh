# SPDX-License-Identifier: MIT
# Sourced before a sanitized program runs: the first finding ends it, with a stack trace.
export ASAN_OPTIONS="abort_on_error=0:detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1"
# Fontconfig keeps a few hundred bytes that any drawing of text with Cairo leaves behind.
export LSAN_OPTIONS="suppressions=$(pwd)/scripts/leaks.supp:print_suppressions=0"
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1"
# Archer tells the thread sanitizer what OpenMP orders; without it every parallel loop looks like a race.
export TSAN_OPTIONS="halt_on_error=1:ignore_noninstrumented_modules=1"
archer=$(clang -print-file-name=libarcher.so 2>/dev/null || true)
if [ -f "$archer" ]; then
    export OMP_TOOL_LIBRARIES="$archer"
fi
