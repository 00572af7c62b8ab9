# A thin front of the CMake presets. `make demo` and `make test` install what is
# missing, build and run.
JOBS ?= $(shell nproc)
BUILD := build/release

# Of `make tables`: the rendered songs, the clips and steps of tables 1 to 3 (the paper's), the clips of tables 4
# and 5, which take some 20 s each, and the folders.
TABLES_SONGS ?= 900
TABLES_CLIPS ?= 512
TABLES_STEPS ?= 100
TABLES_MADE_CLIPS ?= 64
TABLES_DATA ?= data/drums-bass-900
TABLES_OUT ?= docs/tables
TABLES_DOCUMENT ?= docs/results.md

.PHONY: demo test build program tables configure packages test-asan lint format clean

demo: program
	scripts/demo.sh

test: build
	ctest --preset release -j $(JOBS)

build: configure
	cmake --build --preset release -j $(JOBS)

program: configure
	cmake --build --preset release -j $(JOBS) --target partita

# Renders, prepares and measures: what is there already is not done again, figures are. Its parts add up to some two
# hours on two cores (docs/results.md has what was timed); smaller: make tables TABLES_SONGS=60 TABLES_CLIPS=24
# TABLES_MADE_CLIPS=4
tables: program
	@scripts/install-packages.sh render
	PARTITA=$(BUILD)/src/cli/partita SONGS=$(TABLES_SONGS) CLIPS=$(TABLES_CLIPS) STEPS=$(TABLES_STEPS) \
	  MADE_CLIPS=$(TABLES_MADE_CLIPS) DATA=$(TABLES_DATA) OUT=$(TABLES_OUT) DOCUMENT=$(TABLES_DOCUMENT) \
	  scripts/tables.sh

configure: packages
	@[ -f $(BUILD)/build.ninja ] || cmake --preset release

packages:
	@scripts/install-packages.sh

test-asan: packages
	@[ -f build/asan/build.ninja ] || cmake --preset asan
	cmake --build --preset asan -j $(JOBS)
	ctest --preset asan -j $(JOBS)

lint: build
	@scripts/install-packages.sh lint
	scripts/lint.sh

format:
	git ls-files '*.cpp' '*.hpp' | xargs clang-format -i

clean:
	rm -rf build
