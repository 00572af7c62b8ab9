# A thin front of the CMake presets. `make demo` and `make test` install what is
# missing, build and run.
JOBS ?= $(shell nproc)
BUILD := build/release

.PHONY: demo test build program configure packages test-asan lint format clean

demo: program
	scripts/demo.sh

test: build
	ctest --preset release -j $(JOBS)

build: configure
	cmake --build --preset release -j $(JOBS)

program: configure
	cmake --build --preset release -j $(JOBS) --target partita

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
