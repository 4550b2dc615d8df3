// The element type of images, chosen when a unit is compiled: ELEMENT_F32, ELEMENT_F16 or ELEMENT_BF16. Kernels compute in
// float whatever the type, and go to memory through `load` and `store` alone.
#pragma once

typedef long long size;

#if defined(ELEMENT_F32)

typedef float element;

__device__ inline float load(const element *from) { return *from; }
__device__ inline void store(element *to, float value) { *to = value; }

#else

// Sixteen bits that nothing but `load` and `store` can read as a number.
struct element {
    unsigned short bits;
};

#if defined(ELEMENT_BF16)

__device__ inline float load(const element *from) { return __uint_as_float((unsigned int)from->bits << 16); }

// To nearest, ties to even; NaN stays NaN.
__device__ inline void store(element *to, float value) {
    unsigned int bits = __float_as_uint(value);
    bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    unsigned int rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
    to->bits = (unsigned short)(nan ? (bits >> 16) | 0x40u : rounded >> 16);
}

#elif defined(ELEMENT_F16)

#ifdef __CUDACC__
__device__ inline float half_to_float(unsigned short bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}

__device__ inline unsigned short float_to_half(float value) {
    unsigned short bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}
#endif

__device__ inline float load(const element *from) { return half_to_float(from->bits); }
__device__ inline void store(element *to, float value) { to->bits = float_to_half(value); }

#else
#error "no element type chosen"
#endif

#endif
