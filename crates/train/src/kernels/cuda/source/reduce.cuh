// Sums over the threads of a block. A block has a power of two of threads, at most MAX_THREADS, and all of them call.
#pragma once

// The sum of `value`, known to every thread. Always in the same order, so always the same bits.
__device__ inline double block_sum(double value) {
    __shared__ double partial[MAX_THREADS];
    __syncthreads();  // of an earlier call, nobody reads any more
    partial[threadIdx.x] = value;
    for (unsigned int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
    }
    __syncthreads();
    return partial[0];
}

// How many values there were, their mean, and the sum of their squared distances from it.
struct moments {
    double count;
    double mean;
    double squares;
};

// The moments of two sets together.
__device__ inline moments merged(moments a, moments b) {
    double count = a.count + b.count;
    if (count == 0.0) return a;
    double apart = b.mean - a.mean, share = b.count / count;
    return {count, a.mean + apart * share, a.squares + b.squares + apart * apart * a.count * share};
}

// The moments of all threads' sets together, known to every thread.
__device__ inline moments block_moments(moments own) {
    __shared__ moments partial[MAX_THREADS];
    __syncthreads();  // of an earlier call, nobody reads any more
    partial[threadIdx.x] = own;
    for (unsigned int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) partial[threadIdx.x] = merged(partial[threadIdx.x], partial[threadIdx.x + half]);
    }
    __syncthreads();
    return partial[0];
}
