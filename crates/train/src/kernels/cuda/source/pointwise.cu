// What is computed element by element: the gradient of Relu, a convolution's bias, and planes with a border put on or
// taken off.
#include "element.cuh"

extern "C" __global__ void relu_grad(const element *dy, const element *y, element *dx, size count) {
    for (size i = (size)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += (size)gridDim.x * blockDim.x) {
        store(dx + i, load(y + i) > 0.0f ? load(dy + i) : 0.0f);
    }
}

// Grid: over the plane by planes.
extern "C" __global__ void add_bias(element *y, const element *bias, size planes, size channels, size plane) {
    for (size at = blockIdx.y; at < planes; at += gridDim.y) {
        float added = load(bias + at % channels);
        for (size i = (size)blockIdx.x * blockDim.x + threadIdx.x; i < plane; i += (size)gridDim.x * blockDim.x) {
            store(y + at * plane + i, load(y + at * plane + i) + added);
        }
    }
}

// `to`[row, col] = `from`[row + shift_rows, col + shift_cols], zero where `from` has no such pixel. A positive shift takes
// a border off, a negative one puts it on. Grid: over the plane of `to` by planes.
extern "C" __global__ void shift_planes(const element *from, element *to, size planes, int from_rows, int from_cols,
                                        int to_rows, int to_cols, int shift_rows, int shift_cols) {
    size from_plane = (size)from_rows * from_cols, to_plane = (size)to_rows * to_cols;
    for (size at = blockIdx.y; at < planes; at += gridDim.y) {
        for (size i = (size)blockIdx.x * blockDim.x + threadIdx.x; i < to_plane; i += (size)gridDim.x * blockDim.x) {
            int row = (int)i / to_cols + shift_rows, col = (int)i % to_cols + shift_cols;
            bool inside = row >= 0 && row < from_rows && col >= 0 && col < from_cols;
            store(to + at * to_plane + i, inside ? load(from + at * from_plane + (size)row * from_cols + col) : 0.0f);
        }
    }
}
