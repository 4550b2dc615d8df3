// Batch normalisation of [batch, channels, plane] and its gradient.
//
// Sums over a channel are cut into `shares * pieces` parts: a part takes one of the `pieces` stretches of `stretch` pixels
// of a plane, from every `shares`-th image. One block sums a part; one thread then puts a channel's parts together.
#include "element.cuh"
#include "reduce.cuh"

// Where the pixels of one part begin and end within a plane.
struct stretch_of {
    size from, to;
};

__device__ inline stretch_of piece_of(size part, size pieces, size stretch, size plane) {
    size from = part % pieces * stretch;
    return {from, from + stretch < plane ? from + stretch : plane};
}

// Grid: parts by channels. `partial` is [channels, parts].
extern "C" __global__ void batch_norm_moments(const element *x, moments *partial, size batch, size channels, size plane,
                                              size shares, size pieces, size stretch) {
    size part = blockIdx.x, parts = gridDim.x;
    stretch_of piece = piece_of(part, pieces, stretch, plane);
    for (size channel = blockIdx.y; channel < channels; channel += gridDim.y) {
        // Summed about the first value of each thread, so that a mean far from zero costs no digits.
        float near = 0.0f;
        double count = 0.0, sum = 0.0, squares = 0.0;
        for (size image = part / pieces; image < batch; image += shares) {
            const element *row = x + (image * channels + channel) * plane;
            float of_image = 0.0f, squares_of_image = 0.0f, seen = 0.0f;
            for (size at = piece.from + threadIdx.x; at < piece.to; at += blockDim.x) {
                float value = load(row + at);
                if (count == 0.0 && seen == 0.0f) near = value;
                value -= near;
                of_image += value;
                squares_of_image += value * value;
                seen += 1.0f;
            }
            sum += of_image;
            squares += squares_of_image;
            count += seen;
        }
        moments own = {0.0, 0.0, 0.0};
        if (count > 0.0) own = {count, near + sum / count, squares - sum * sum / count};
        moments whole = block_moments(own);
        if (threadIdx.x == 0) partial[channel * parts + part] = whole;
    }
}

__device__ inline void store_if(float *to, size at, double value) {
    if (to != 0) to[at] = (float)value;
}

// Running statistics take the unbiased variance; frozen ones are used and kept as they are, without parts. `mean_out` and
// `inv_std_out` are always there, the last two may be null.
extern "C" __global__ void batch_norm_statistics(const moments *partial, const float *mean, const float *var,
                                                 float *mean_out, float *inv_std_out, float *new_mean, float *new_var,
                                                 size channels, size parts, float epsilon, float momentum,
                                                 int frozen) {
    size channel = (size)blockIdx.x * blockDim.x + threadIdx.x;
    if (channel >= channels) return;
    if (frozen) {
        mean_out[channel] = mean[channel];
        inv_std_out[channel] = (float)(1.0 / sqrt((double)var[channel] + (double)epsilon));
        store_if(new_mean, channel, mean[channel]);
        store_if(new_var, channel, var[channel]);
        return;
    }
    moments whole = {0.0, 0.0, 0.0};
    for (size part = 0; part < parts; part++) whole = merged(whole, partial[channel * parts + part]);
    // Rounding may take equal values below zero; NaN stays NaN.
    double squares = whole.squares < 0.0 ? 0.0 : whole.squares;
    mean_out[channel] = (float)whole.mean;
    inv_std_out[channel] = (float)(1.0 / sqrt(squares / whole.count + (double)epsilon));
    // The rounding of a float weighs ten times as much in a remainder of a tenth: seven decimals are meant.
    double kept = momentum, rest = rint((1.0 - kept) * 1e7) / 1e7;
    double unbiased = squares / (whole.count > 2.0 ? whole.count - 1.0 : 1.0);
    store_if(new_mean, channel, mean[channel] * kept + whole.mean * rest);
    store_if(new_var, channel, var[channel] * kept + unbiased * rest);
}

// Grid: over the plane by planes. y = (x - mean) * scale / std + bias, kept within floor and ceiling; NaN stays NaN.
extern "C" __global__ void batch_norm_apply(const element *x, const float *scale, const float *bias, const float *mean,
                                            const float *inv_std, element *y, size planes, size channels, size plane,
                                            float floor, float ceiling) {
    for (size at = blockIdx.y; at < planes; at += gridDim.y) {
        size channel = at % channels;
        float factor = scale[channel] * inv_std[channel], centre = mean[channel], shift = bias[channel];
        for (size i = (size)blockIdx.x * blockDim.x + threadIdx.x; i < plane; i += (size)gridDim.x * blockDim.x) {
            float value = (load(x + at * plane + i) - centre) * factor + shift;
            value = value < floor ? floor : value;
            store(y + at * plane + i, value > ceiling ? ceiling : value);
        }
    }
}

// dY where the forward pass let X through: all of it without `y`.
__device__ inline float passed(const element *dy, const element *y, size at, float ceiling) {
    if (y == 0) return load(dy + at);
    float value = load(y + at);
    return value > 0.0f && value < ceiling ? load(dy + at) : 0.0f;
}

// Grid: parts by channels. `partial` is [channels, parts, 2]: the sums of dy and of dy * (x - mean).
extern "C" __global__ void batch_norm_grad_sums(const element *dy, const element *x, const element *y, const float *mean,
                                                double *partial, size batch, size channels, size plane, size shares,
                                                size pieces, size stretch, float ceiling) {
    size part = blockIdx.x, parts = gridDim.x;
    stretch_of piece = piece_of(part, pieces, stretch, plane);
    for (size channel = blockIdx.y; channel < channels; channel += gridDim.y) {
        float centre = mean[channel];
        double sum = 0.0, product = 0.0;
        for (size image = part / pieces; image < batch; image += shares) {
            size base = (image * channels + channel) * plane;
            float of_image = 0.0f, product_of_image = 0.0f;
            for (size at = base + piece.from + threadIdx.x; at < base + piece.to; at += blockDim.x) {
                float gradient = passed(dy, y, at, ceiling);
                of_image += gradient;
                product_of_image += gradient * (load(x + at) - centre);
            }
            sum += of_image;
            product += product_of_image;
        }
        sum = block_sum(sum);
        product = block_sum(product);
        if (threadIdx.x == 0) {
            partial[(channel * parts + part) * 2] = sum;
            partial[(channel * parts + part) * 2 + 1] = product;
        }
    }
}

// `factors` is [channels, 3]: dx = factors[0] * dy + factors[1] * (x - mean) + factors[2].
extern "C" __global__ void batch_norm_grad_factors(const double *partial, const float *scale, const float *inv_std,
                                                   float *factors, float *dscale, float *dbias, size channels,
                                                   size parts, double count, int frozen) {
    size channel = (size)blockIdx.x * blockDim.x + threadIdx.x;
    if (channel >= channels) return;
    double sum = 0.0, product = 0.0;
    for (size part = 0; part < parts; part++) {
        sum += partial[(channel * parts + part) * 2];
        product += partial[(channel * parts + part) * 2 + 1];
    }
    double inverse = inv_std[channel], factor = scale[channel] * inverse;
    factors[channel * 3] = (float)factor;
    factors[channel * 3 + 1] = frozen ? 0.0f : (float)(-factor * inverse * inverse * product / count);
    factors[channel * 3 + 2] = frozen ? 0.0f : (float)(-factor * sum / count);
    store_if(dscale, channel, product * inverse);
    store_if(dbias, channel, sum);
}

// Grid: over the plane by planes.
extern "C" __global__ void batch_norm_grad_apply(const element *dy, const element *x, const element *y, const float *mean,
                                                 const float *factors, element *dx, size planes, size channels, size plane,
                                                 float ceiling) {
    for (size at = blockIdx.y; at < planes; at += gridDim.y) {
        size channel = at % channels;
        float centre = mean[channel];
        float factor = factors[channel * 3], slope = factors[channel * 3 + 1], shift = factors[channel * 3 + 2];
        for (size i = (size)blockIdx.x * blockDim.x + threadIdx.x; i < plane; i += (size)gridDim.x * blockDim.x) {
            size place = at * plane + i;
            float gradient = passed(dy, y, place, ceiling);
            store(dx + place, gradient * factor + ((load(x + place) - centre) * slope + shift));
        }
    }
}
