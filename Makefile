# The whole set-up of swath: needs a Rust toolchain, Python 3 with pip, and the package registries.
#   make demo   build, then make a labelled landscape, fine-tune on it, judge, map, report (in ./demo)
#   make test   everything that .ci/run checks, besides format and lints
#   make lint   format and lints
#   make bench  each stage beside its peer
ORT_VERSION := 1.31.1
ORT_DIR     := $(CURDIR)/.ort
ORT_LIB     := $(ORT_DIR)/libonnxruntime.so.$(ORT_VERSION)
export ORT_DYLIB_PATH ?= $(ORT_LIB)
SWATH       := target/release/swath

.PHONY: demo test lint bench build runtime
demo: build runtime
	$(SWATH) demo --out demo

test: runtime
	cargo test --release --workspace --no-fail-fast

lint:
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings

bench: build runtime
	bash benches/run.sh

build:
	cargo build --release

runtime: $(ORT_DYLIB_PATH)

# Out of the onnxruntime wheel, by package name; pip checks the wheel's sha256 against the pinned list.
$(ORT_LIB): .ci/onnxruntime.txt
	python3 .ci/fetch_onnxruntime.py --requirements .ci/onnxruntime.txt --out $(ORT_DIR)
