// Softmax, cross-entropy and their gradient for logits [batch, classes, plane] and a target [batch, plane].
//
// In order: the weight of all pixels that count, summed by blocks; the factors that follow from it; loss and gradient
// pixel by pixel, the loss summed by blocks; the loss as one number.
#include "reduce.cuh"

typedef long long size;

// What pixels are multiplied by: [0] one over the weight of all pixels that count, zero where none does or a target is no
// class; [1] sum of the class weights; [2] NaN where a target is no class, else zero.
enum { INVERSE, WEIGHTS, VERDICT };

__device__ inline float weight_of(const float *class_weights, size label) {
    return class_weights == 0 ? 1.0f : class_weights[label];
}

// `partial` is [blocks, 2]: the weight of the pixels that count, and how many targets are no class.
extern "C" __global__ void cross_entropy_weights(const size *target, const float *class_weights, double *partial,
                                                 size pixels, size classes, size ignored) {
    double weight = 0.0, strangers = 0.0;
    for (size i = (size)blockIdx.x * blockDim.x + threadIdx.x; i < pixels; i += (size)gridDim.x * blockDim.x) {
        size label = target[i];
        if (label == ignored) continue;
        if (label < 0 || label >= classes) strangers += 1.0;
        else weight += weight_of(class_weights, label);
    }
    weight = block_sum(weight);
    strangers = block_sum(strangers);
    if (threadIdx.x == 0) {
        partial[(size)blockIdx.x * 2] = weight;
        partial[(size)blockIdx.x * 2 + 1] = strangers;
    }
}

// One block.
extern "C" __global__ void cross_entropy_factors(const double *partial, size parts, const float *class_weights,
                                                 size classes, double *factors) {
    double weight = 0.0, strangers = 0.0, all = 0.0;
    for (size part = threadIdx.x; part < parts; part += blockDim.x) {
        weight += partial[part * 2];
        strangers += partial[part * 2 + 1];
    }
    for (size label = threadIdx.x; label < classes; label += blockDim.x) all += weight_of(class_weights, label);
    weight = block_sum(weight);
    strangers = block_sum(strangers);
    all = block_sum(all);
    if (threadIdx.x == 0) {
        factors[INVERSE] = weight > 0.0 && strangers == 0.0 ? 1.0 / weight : 0.0;
        factors[WEIGHTS] = all;
        factors[VERDICT] = strangers > 0.0 ? (double)__int_as_float(0x7fc00000) : 0.0;
    }
}

// `partial` is [blocks]: the loss of the pixels.
extern "C" __global__ void cross_entropy_pixels(const float *logits, const size *target, const float *class_weights,
                                                const double *factors, float *dlogits, double *partial, size pixels,
                                                size classes, size plane, size ignored, float smoothing) {
    double share = (double)smoothing / classes * factors[INVERSE];
    float hit = (float)((1.0 - (double)smoothing) * factors[INVERSE]), spread = (float)(share * factors[WEIGHTS]);
    double loss = 0.0;
    for (size i = (size)blockIdx.x * blockDim.x + threadIdx.x; i < pixels; i += (size)gridDim.x * blockDim.x) {
        size base = i / plane * classes * plane + i % plane, label = target[i];
        if (label == ignored || label < 0 || label >= classes) {
            for (size c = 0; c < classes; c++) dlogits[base + c * plane] = 0.0f;
            continue;
        }
        float largest = logits[base];
        for (size c = 1; c < classes; c++) largest = fmaxf(largest, logits[base + c * plane]);
        float sum = 0.0f;
        for (size c = 0; c < classes; c++) sum += expf(logits[base + c * plane] - largest);
        float of_label = hit * weight_of(class_weights, label), log_sum = largest + logf(sum);
        float of_softmax = (of_label + spread) / sum;
        loss += (double)of_label * ((double)log_sum - (double)logits[base + label * plane]);
        for (size c = 0; c < classes; c++) {
            float z = logits[base + c * plane], each = (float)(share * weight_of(class_weights, c));
            if (smoothing > 0.0f) loss += (double)each * ((double)log_sum - (double)z);
            dlogits[base + c * plane] = expf(z - largest) * of_softmax - each - (c == label ? of_label : 0.0f);
        }
    }
    loss = block_sum(loss);
    if (threadIdx.x == 0) partial[blockIdx.x] = loss;
}

// One block.
extern "C" __global__ void cross_entropy_loss(const double *partial, size parts, const double *factors, float *loss) {
    double sum = 0.0;
    for (size part = threadIdx.x; part < parts; part += blockDim.x) sum += partial[part];
    sum = block_sum(sum);
    if (threadIdx.x == 0) *loss = (float)(sum + factors[VERDICT]);
}
