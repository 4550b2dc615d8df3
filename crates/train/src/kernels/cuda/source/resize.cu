// Gradient of Resize, gathered: each input pixel sums the output pixels that read it, by weights of its row times weights
// of its column.
#include "element.cuh"

// Along one axis: input position i is read by output positions `positions[starts[i] .. starts[i + 1]]` with `weights`.
// Grid: over the input plane by planes.
extern "C" __global__ void resize_grad(const element *dy, element *dx, const int *row_starts, const int *row_positions,
                                       const float *row_weights, const int *col_starts, const int *col_positions,
                                       const float *col_weights, size planes, int in_rows, int in_cols, size out_plane,
                                       int out_cols) {
    size in_plane = (size)in_rows * in_cols;
    for (size at = blockIdx.y; at < planes; at += gridDim.y) {
        for (size i = (size)blockIdx.x * blockDim.x + threadIdx.x; i < in_plane; i += (size)gridDim.x * blockDim.x) {
            int row = (int)i / in_cols, col = (int)i % in_cols;
            float sum = 0.0f;
            for (int r = row_starts[row]; r < row_starts[row + 1]; r++) {
                const element *line = dy + at * out_plane + (size)row_positions[r] * out_cols;
                float of_line = 0.0f;
                for (int c = col_starts[col]; c < col_starts[col + 1]; c++) {
                    of_line += load(line + col_positions[c]) * col_weights[c];
                }
                sum += of_line * row_weights[r];
            }
            store(dx + at * in_plane + i, sum);
        }
    }
}
