// CUDA C as far as the kernels of `source/` use it, on the processor: a block's threads are threads, its blocks come one
// after the other, and `launch` takes arguments as CUDA's driver does.
#pragma once

#include <math.h>

#include <barrier>
#include <cstring>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __shared__ static

struct position {
    unsigned int x = 0, y = 0;
};

static thread_local position threadIdx, blockIdx;
static position blockDim, gridDim;
static std::barrier<> *block;

inline void __syncthreads() { block->arrive_and_wait(); }

template <typename to, typename from>
to same_bits(from value) {
    static_assert(sizeof(to) == sizeof(from));
    to out;
    std::memcpy(&out, &value, sizeof(out));
    return out;
}

inline float __uint_as_float(unsigned int bits) { return same_bits<float>(bits); }
inline float __int_as_float(int bits) { return same_bits<float>(bits); }
inline unsigned int __float_as_uint(float value) { return same_bits<unsigned int>(value); }

#ifdef ELEMENT_F16
inline float half_to_float(unsigned short bits) { return same_bits<_Float16>(bits); }
inline unsigned short float_to_half(float value) { return same_bits<unsigned short>((_Float16)value); }
#endif

template <typename parameter>
constexpr char kind() {
    if (std::is_pointer_v<parameter>) return 'p';
    if (std::is_same_v<parameter, long long>) return 's';
    if (std::is_same_v<parameter, int>) return 'i';
    if (std::is_same_v<parameter, float>) return 'f';
    if (std::is_same_v<parameter, double>) return 'd';
    return '?';
}

// The types of a function's parameters, a letter each.
template <typename... parameters>
const char *kinds(void (*)(parameters...)) {
    static const char text[] = {kind<parameters>()..., 0};
    return text;
}

template <typename... parameters, std::size_t... at>
void call(void (*function)(parameters...), void **arguments, std::index_sequence<at...>) {
    function(*static_cast<std::remove_const_t<parameters> *>(arguments[at])...);
}

template <typename... parameters>
void launch(void (*function)(parameters...), unsigned int cols, unsigned int rows, unsigned int threads, void **arguments) {
    gridDim = {cols, rows};
    blockDim = {threads, 1};
    std::barrier<> all(threads);
    block = &all;
    std::vector<std::thread> running;
    for (unsigned int thread = 0; thread < threads; thread++) {
        running.emplace_back([=, &all] {
            threadIdx = {thread, 0};
            for (unsigned int row = 0; row < rows; row++) {
                for (unsigned int col = 0; col < cols; col++) {
                    blockIdx = {col, row};
                    call(function, arguments, std::index_sequence_for<parameters...>());
                    all.arrive_and_wait();
                }
            }
        });
    }
    for (auto &thread : running) thread.join();
}
