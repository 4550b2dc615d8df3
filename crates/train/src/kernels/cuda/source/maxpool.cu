// Largest value of each window, and the gradient, gathered: each input pixel looks for itself in the windows that hold it.
#include "element.cuh"

// Grid: over the output plane by planes. The first of equal values counts, NaN counts as larger than any number; a window
// in the padding alone has place -1. `argmax` may be null.
extern "C" __global__ void max_pool(const element *x, element *y, int *argmax, size planes, int in_rows, int in_cols,
                                    int out_rows, int out_cols, int kernel_rows, int kernel_cols, int stride_rows,
                                    int stride_cols, int dilation_rows, int dilation_cols, int pad_top, int pad_left) {
    size in_plane = (size)in_rows * in_cols, out_plane = (size)out_rows * out_cols;
    for (size at = blockIdx.y; at < planes; at += gridDim.y) {
        const element *plane = x + at * in_plane;
        for (size i = (size)blockIdx.x * blockDim.x + threadIdx.x; i < out_plane; i += (size)gridDim.x * blockDim.x) {
            int top = (int)i / out_cols * stride_rows - pad_top, left = (int)i % out_cols * stride_cols - pad_left;
            float largest = 0.0f;
            int place = -1;
            for (int tap_row = 0; tap_row < kernel_rows; tap_row++) {
                int row = top + tap_row * dilation_rows;
                if (row < 0 || row >= in_rows) continue;
                for (int tap_col = 0; tap_col < kernel_cols; tap_col++) {
                    int col = left + tap_col * dilation_cols;
                    if (col < 0 || col >= in_cols) continue;
                    float value = load(plane + (size)row * in_cols + col);
                    if (place < 0 || value > largest || (value != value && largest == largest)) {
                        largest = value;
                        place = row * in_cols + col;
                    }
                }
            }
            store(y + at * out_plane + i, place < 0 ? -__int_as_float(0x7f800000) : largest);
            if (argmax != 0) argmax[at * out_plane + i] = place;
        }
    }
}

// Grid: over the input plane by planes.
extern "C" __global__ void max_pool_grad(const element *dy, const int *argmax, element *dx, size planes, int in_rows,
                                         int in_cols, int out_rows, int out_cols, int kernel_rows, int kernel_cols,
                                         int stride_rows, int stride_cols, int dilation_rows, int dilation_cols,
                                         int pad_top, int pad_left) {
    size in_plane = (size)in_rows * in_cols, out_plane = (size)out_rows * out_cols;
    for (size at = blockIdx.y; at < planes; at += gridDim.y) {
        for (size i = (size)blockIdx.x * blockDim.x + threadIdx.x; i < in_plane; i += (size)gridDim.x * blockDim.x) {
            float sum = 0.0f;
            for (int tap_row = 0; tap_row < kernel_rows; tap_row++) {
                int from_top = (int)i / in_cols + pad_top - tap_row * dilation_rows;
                if (from_top < 0 || from_top % stride_rows != 0 || from_top / stride_rows >= out_rows) continue;
                for (int tap_col = 0; tap_col < kernel_cols; tap_col++) {
                    int from_left = (int)i % in_cols + pad_left - tap_col * dilation_cols;
                    if (from_left < 0 || from_left % stride_cols != 0 || from_left / stride_cols >= out_cols) continue;
                    size window = at * out_plane + (size)(from_top / stride_rows) * out_cols + from_left / stride_cols;
                    if (argmax[window] == (int)i) sum += load(dy + window);
                }
            }
            store(dx + at * in_plane + i, sum);
        }
    }
}
