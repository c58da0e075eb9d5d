/** Written by scripts/vectors/kernels.ts: blob roots of the self-test cases' whole outputs. */
export const GOLDEN_DIGESTS: Readonly<Record<string, string>> = {
  'gemm.f32@1 37x300x45 moderate':
    'c603f0e7892ad95c2606fe3fbe7f5b6f7d9f50ccd7f53d2d25cea4e6c7ba23b8',
  'gemm.f32@1 9x41x23 any-bits': 'a620768f5861b16259892e9adb61c6f72e8620ffc9d642a71c6f386b8e202368',
  'gemm.f32@1 8x33x17 tiny': '11cfe555606d184930bb443c8092b1110ab38bf0c48193015279e35525625eac',
  'gemm.f32@1 3x0x5 moderate': '88a6c4bf12f04291351e38577f43305da8310ea3d3ef39bf29d7882be9bf3bc9',
  'mandelbrot@1 whole': 'd6a3dcb1dbc273d827280bd233bd3eb021a0fe30efb0be0f05976a0566120f80',
  'mandelbrot@1 deep': '57e2ed49c14185bd95280b74730cbe38efe8f9edd921ad95304fc6a35e623fe6',
  'montecarlo.european@1 call': '02b859c326a9fbade1aea8ed344fc0f42182928abf7cd8665c2c4e70abaf7c90',
  'montecarlo.european@1 put': '31feb1ee0b2f3d925ec4004e8c63a5b07b971791a3d66516116896f1a0f38f01',
  'noop@1 1000': '9264e3274e1c8e27c9be647c4e5b0c9ec5bdbc07e98ed379e4a1852673504ef1',
};
