//! Sizes of a convolution.

/// Sizes of a two-dimensional convolution; X is `[batch, in_channels, in_size]`, W is
/// `[out_channels, in_channels / groups, kernel]`, Y is `[batch, out_channels, out_size]`. Pairs are (rows, columns).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvShape {
    /// Images.
    pub batch: usize,
    /// Channels of X.
    pub in_channels: usize,
    /// Height and width of X, px.
    pub in_size: [usize; 2],
    /// Channels of Y.
    pub out_channels: usize,
    /// Height and width of Y, px.
    pub out_size: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Steps of the kernel over X, px.
    pub strides: [usize; 2],
    /// Distance between taps of the kernel, px.
    pub dilations: [usize; 2],
    /// Zeros above and left of X, px; those below and right follow from `out_size`.
    pub pads: [usize; 2],
    /// Channel groups that do not see each other.
    pub groups: usize,
}

/// Most elements of one tensor: indices stay within 32 bits where kernels keep them so.
const MAX_ELEMENTS: usize = i32::MAX as usize;

impl ConvShape {
    /// Output size of a convolution over `in_size` with `pads` as in ONNX (top, left, bottom, right).
    /// `None` when the kernel does not fit or a size is zero or absurd.
    #[must_use]
    pub fn out_size(
        in_size: [usize; 2],
        kernel: [usize; 2],
        strides: [usize; 2],
        dilations: [usize; 2],
        pads: [usize; 4],
    ) -> Option<[usize; 2]> {
        let one = |axis: usize| {
            let padded = in_size[axis].checked_add(pads[axis])?.checked_add(pads[axis + 2])?;
            let reach = kernel[axis].checked_sub(1)?.checked_mul(dilations[axis])?.checked_add(1)?;
            Some(padded.checked_sub(reach)?.checked_div(strides[axis])? + 1)
        };
        Some([one(0)?, one(1)?])
    }

    /// Whether the numbers fit each other: groups divide channels, nothing is zero, tensors are of sane size.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let product = |factors: &[usize]| factors.iter().try_fold(1usize, |p, &f| p.checked_mul(f));
        let within = |factors: &[usize]| product(factors).is_some_and(|n| n > 0 && n <= MAX_ELEMENTS);
        let [kernel_rows, kernel_cols] = self.kernel;
        self.groups > 0
            && self.in_channels.is_multiple_of(self.groups)
            && self.out_channels.is_multiple_of(self.groups)
            && within(&[self.batch, self.in_channels, self.in_size[0], self.in_size[1]])
            && within(&[self.batch, self.out_channels, self.out_size[0], self.out_size[1]])
            && within(&[self.out_channels, self.in_channels, kernel_rows, kernel_cols])
            && within(&self.strides)
            && within(&[self.dilations[0], kernel_rows])
            && within(&[self.dilations[1], kernel_cols])
            && self.pads.iter().all(|&pad| pad <= MAX_ELEMENTS)
    }

    /// Taps of the kernel.
    #[must_use]
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Input channels per group.
    #[must_use]
    pub fn group_in(&self) -> usize {
        self.in_channels / self.groups
    }

    /// Output channels per group.
    #[must_use]
    pub fn group_out(&self) -> usize {
        self.out_channels / self.groups
    }

    /// Pixels of one plane of X.
    #[must_use]
    pub fn in_plane(&self) -> usize {
        self.in_size[0] * self.in_size[1]
    }

    /// Pixels of one plane of Y.
    #[must_use]
    pub fn out_plane(&self) -> usize {
        self.out_size[0] * self.out_size[1]
    }

    /// Elements of X.
    #[must_use]
    pub fn x_len(&self) -> usize {
        self.batch * self.in_channels * self.in_plane()
    }

    /// Elements of W.
    #[must_use]
    pub fn w_len(&self) -> usize {
        self.out_channels * self.group_in() * self.taps()
    }

    /// Elements of Y.
    #[must_use]
    pub fn y_len(&self) -> usize {
        self.batch * self.out_channels * self.out_plane()
    }

    /// Multiplications and additions of one pass, counted apart.
    #[must_use]
    pub fn flops(&self) -> f64 {
        2.0 * self.y_len() as f64 * (self.group_in() * self.taps()) as f64
    }

    /// Whether every channel is a group of its own.
    #[must_use]
    pub fn is_depthwise(&self) -> bool {
        self.groups == self.in_channels && self.groups == self.out_channels && self.groups > 1
    }
}
