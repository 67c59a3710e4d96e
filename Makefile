# SPDX-License-Identifier: MIT
# The front door. Meson and ninja do the work; `make` installs what is missing and builds into build/.

BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
# More options for Meson, such as MESON_ARGS=-Donednn=disabled.
MESON_ARGS   ?=
FUZZ_SECONDS ?= 20

export CC

.PHONY: all demo page test test-long bench asan tsan fuzz install format clean deps deps-clang

# A build without oneDNN or libcurl does not ask for it.
DEPS = $(if $(findstring onednn=disabled,$(MESON_ARGS)),HEED_NO_ONEDNN=1) \
       $(if $(findstring curl=disabled,$(MESON_ARGS)),HEED_NO_CURL=1) \
       $(if $(findstring libedit=disabled,$(MESON_ARGS)),HEED_NO_LIBEDIT=1) \
       $(if $(findstring mpi=disabled,$(MESON_ARGS)),HEED_NO_MPI=1) ./scripts/install-deps.sh

all: deps
	@if [ ! -f $(BUILD)/build.ninja ]; then meson setup $(BUILD) --prefix=$(abspath $(PREFIX)) $(MESON_ARGS); \
	elif [ -n "$(MESON_ARGS)" ]; then meson configure $(BUILD) $(MESON_ARGS); fi
	@ninja -C $(BUILD) $(NINJA_ARGS)

deps:
	@$(DEPS) build

deps-clang:
	@HEED_NO_ONEDNN=1 ./scripts/install-deps.sh build clang

demo: all
	@./scripts/demo.sh $(BUILD)

# Both end with one line: "N passed, N failed, N skipped".
# docs/exercises.md anew, by the plain loops, whose numbers are the same on every machine.
page: all
	@HEED_CPU=plain $(BUILD)/heed workbook page >docs/exercises.md.new && mv docs/exercises.md.new docs/exercises.md

test: all
	@python3 scripts/test.py $(BUILD) --suite fast

test-long: all
	@python3 scripts/test.py $(BUILD)

bench: all
	@$(BUILD)/heed bench

# The suite under the address and undefined-behaviour sanitizers.
asan: deps
	@test -f build-asan/build.ninja || meson setup build-asan --buildtype=debugoptimized \
		-Db_sanitize=address,undefined -Db_lundef=false $(MESON_ARGS)
	@ninja -C build-asan
	@. scripts/sanitizers.sh && python3 scripts/test.py build-asan --suite fast

# The tests that start threads under the thread sanitizer; clang, because its OpenMP can tell it what is ordered.
tsan: deps-clang
	@test -f build-tsan/build.ninja || CC=clang meson setup build-tsan --buildtype=debugoptimized \
		-Db_sanitize=thread -Db_lundef=false -Donednn=disabled $(MESON_ARGS)
	@ninja -C build-tsan
	@. scripts/sanitizers.sh && python3 scripts/test.py build-tsan --suite threads

# Every parser on mutated input for FUZZ_SECONDS each.
fuzz: deps-clang
	@test -f build-fuzz/build.ninja || CC=clang meson setup build-fuzz --buildtype=debugoptimized -Dfuzz=true \
		-Db_sanitize=address,undefined -Db_lundef=false -Donednn=disabled $(MESON_ARGS)
	@ninja -C build-fuzz
	@. scripts/sanitizers.sh && ./scripts/fuzz.sh build-fuzz $(FUZZ_SECONDS)

install: all
	@meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX))
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD)

format:
	@clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf $(BUILD) build-asan build-tsan build-fuzz
