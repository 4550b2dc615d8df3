// One step of an optimiser for one parameter. A new tensor may be the memory of the old one.
//
// Scalars lie on the device: the learning rate, the step (from 1, float or double), the factor on the gradient and the
// momentum of this step, the last two null where not given.

typedef long long size;

// The decimal number meant by a float such as 0.95f, whose distance from one matters.
__device__ inline double meant(float value) { return rint((double)value * 1e8) / 1e8; }

template <typename counter>
__device__ inline void adam(float *p_new, float *m_new, float *v_new, const float *p_old, const float *m_old,
                            const float *v_old, const float *gradient, const float *lr, const counter *step,
                            const float *grad_scale, const float *momentum, size count, double beta1, double beta2,
                            float epsilon, float decay, int decoupled) {
    // The same for all elements: rate, root, first and second share and their rests, what is kept of p.
    __shared__ float shared[4];
    if (threadIdx.x == 0) {
        double first = momentum == 0 ? beta1 : meant(*momentum);
        double correction1 = 1.0 - pow(first, (double)*step), correction2 = sqrt(1.0 - pow(beta2, (double)*step));
        shared[0] = (float)((double)*lr / correction1);
        shared[1] = (float)(1.0 / correction2);
        shared[2] = (float)first;
        shared[3] = (float)(1.0 - first);
    }
    __syncthreads();
    float rate = shared[0], root = shared[1], share1 = shared[2], rest1 = shared[3];
    float share2 = (float)beta2, rest2 = (float)(1.0 - beta2), scale = grad_scale == 0 ? 1.0f : *grad_scale;
    float coupled = decoupled ? 0.0f : decay, kept = decoupled ? (float)(1.0 - (double)*lr * (double)decay) : 1.0f;
    for (size i = (size)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += (size)gridDim.x * blockDim.x) {
        float p = p_old[i], g = gradient[i] * scale + p * coupled;
        float m = m_old[i] * share1 + g * rest1, v = v_old[i] * share2 + g * g * rest2;
        m_new[i] = m;
        v_new[i] = v;
        p_new[i] = p * kept - m / (sqrtf(v) * root + epsilon) * rate;
    }
}

extern "C" __global__ void adam_double(float *p_new, float *m_new, float *v_new, const float *p_old, const float *m_old,
                                       const float *v_old, const float *gradient, const float *lr, const double *step,
                                       const float *grad_scale, const float *momentum, size count, double beta1,
                                       double beta2, float epsilon, float decay, int decoupled) {
    adam(p_new, m_new, v_new, p_old, m_old, v_old, gradient, lr, step, grad_scale, momentum, count, beta1, beta2, epsilon,
         decay, decoupled);
}

extern "C" __global__ void adam_float(float *p_new, float *m_new, float *v_new, const float *p_old, const float *m_old,
                                      const float *v_old, const float *gradient, const float *lr, const float *step,
                                      const float *grad_scale, const float *momentum, size count, double beta1,
                                      double beta2, float epsilon, float decay, int decoupled) {
    adam(p_new, m_new, v_new, p_old, m_old, v_old, gradient, lr, step, grad_scale, momentum, count, beta1, beta2, epsilon,
         decay, decoupled);
}

template <typename counter>
__device__ inline void sgd(float *p_new, float *m_new, const float *p_old, const float *m_old, const float *gradient,
                           const float *lr, const counter *step, const float *grad_scale, const float *momentum_given,
                           size count, float momentum, float dampening, float decay, int nesterov) {
    if (momentum_given != 0) momentum = *momentum_given;
    // The first velocity is the gradient itself; without momentum the step is the gradient and the velocity stays.
    bool first = *step <= (counter)1, plain = momentum == 0.0f;
    float kept = plain ? 1.0f : (first ? 0.0f : momentum), taken = plain ? 0.0f : (first ? 1.0f : 1.0f - dampening);
    float of_gradient = plain || nesterov ? 1.0f : 0.0f, of_velocity = plain ? 0.0f : (nesterov ? momentum : 1.0f);
    float rate = *lr, scale = grad_scale == 0 ? 1.0f : *grad_scale;
    for (size i = (size)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += (size)gridDim.x * blockDim.x) {
        float p = p_old[i], g = gradient[i] * scale + p * decay, v = m_old[i] * kept + g * taken;
        m_new[i] = v;
        p_new[i] = p - (v * of_velocity + g * of_gradient) * rate;
    }
}

extern "C" __global__ void sgd_double(float *p_new, float *m_new, const float *p_old, const float *m_old,
                                      const float *gradient, const float *lr, const double *step, const float *grad_scale,
                                      const float *momentum_given, size count, float momentum, float dampening,
                                      float decay, int nesterov) {
    sgd(p_new, m_new, p_old, m_old, gradient, lr, step, grad_scale, momentum_given, count, momentum, dampening, decay,
        nesterov);
}

extern "C" __global__ void sgd_float(float *p_new, float *m_new, const float *p_old, const float *m_old,
                                     const float *gradient, const float *lr, const float *step, const float *grad_scale,
                                     const float *momentum_given, size count, float momentum, float dampening, float decay,
                                     int nesterov) {
    sgd(p_new, m_new, p_old, m_old, gradient, lr, step, grad_scale, momentum_given, count, momentum, dampening, decay,
        nesterov);
}
