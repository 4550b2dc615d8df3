#!/usr/bin/env bash
# The tests of the training crate for 64-bit ARM, on any Linux machine, with ONNX Runtime for that processor under QEMU:
#   benches/arm.sh [TEST_NAME]
# What it needs besides the usual (Debian's names):  rustup target add aarch64-unknown-linux-gnu
#   apt-get install gcc-aarch64-linux-gnu libstdc++6-arm64-cross qemu-user
# QEMU shows that the NEON kernels compute what they should; it says nothing about their speed.
set -euo pipefail
cd "$(dirname "$0")/.."
target=aarch64-unknown-linux-gnu
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v "$tool" >/dev/null || { echo "$tool is not there: see the head of $0" >&2; exit 1; }
done
[ -d "$(rustc --print sysroot)/lib/rustlib/$target" ] || { echo "no standard library for $target: see the head of $0" >&2; exit 1; }

work=$PWD/target/$target/emulated
mkdir -p "$work/proc"
ls "$work"/libonnxruntime.so.* >/dev/null 2>&1 ||
    python3 .ci/fetch_onnxruntime.py --requirements .ci/onnxruntime.txt --machine aarch64 --out "$work"
# QEMU looks for files here first. ONNX Runtime reads its cores from /proc/cpuinfo, and crashes where it finds none of ARM's.
ln -sfn /usr/aarch64-linux-gnu/lib "$work/lib"
for core in 0 1; do
    printf 'processor\t: %d\n' "$core"
    printf 'Features\t: fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp\n'
    printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n\n'
done >"$work/proc/cpuinfo"

export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -cpu neoverse-n1 -L $work"
export ORT_DYLIB_PATH
ORT_DYLIB_PATH=$(ls "$work"/libonnxruntime.so.* | head -n 1)
# Skipped: a test that starts itself again, which needs the kernel to know QEMU.
cargo test --release -p swath-train --target "$target" --no-fail-fast -- --skip killed_at_random_moments ${1:+"$1"}
