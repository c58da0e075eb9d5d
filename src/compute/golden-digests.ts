/** Written by scripts/vectors/kernels.ts: blob roots of the self-test cases' whole outputs. */
export const GOLDEN_DIGESTS: Readonly<Record<string, string>> = {
  'fed.aggregate@1 q8 default':
    'f6406bae0e9f14875962353e4cd194de8db2ed4e73977ebd2d6a5fe4abf4732c,be55b7efa352f004518d9e3a4453dd6ecfdf335ee8967b8756908b69d64ca300',
  'fed.aggregate@1 topk krum':
    '33da98122d76890ca90af5ce0ad2418b20eba4a1122d04e9deb621d23876d1c7,8b35acfd62db7ec7ecc2a8af121449f48c38dedd06537d1a30208c42f5ea6e18',
  'fed.aggregate@1 q4 median':
    '773dfd3dd058e5b15e1cf7029c2d45493833f2ddbdd043a0cd6038e71b46f788,6c71f82e826096bf49e37817d8edaa72350f223056982532941ebc0bcac967b4',
  'gemm.f32@1 37x300x45 moderate':
    'c603f0e7892ad95c2606fe3fbe7f5b6f7d9f50ccd7f53d2d25cea4e6c7ba23b8',
  'gemm.f32@1 3x1100x35 moderate':
    '121e7515415abf7f76af0e189f38d1edc7fb989e9f3426019a23f5851cabcf91',
  'gemm.f32@1 9x41x23 any-bits': 'a620768f5861b16259892e9adb61c6f72e8620ffc9d642a71c6f386b8e202368',
  'gemm.f32@1 8x33x17 tiny': '11cfe555606d184930bb443c8092b1110ab38bf0c48193015279e35525625eac',
  'gemm.f32@1 3x0x5 moderate': '88a6c4bf12f04291351e38577f43305da8310ea3d3ef39bf29d7882be9bf3bc9',
  'mandelbrot@1 whole': 'd6a3dcb1dbc273d827280bd233bd3eb021a0fe30efb0be0f05976a0566120f80',
  'mandelbrot@1 deep': '505afb492ba5092aaddff3cb5ed907fbdbccf3df26d15629aeff925ad5250c82',
  'map@1 everything any-bits': 'f41e60d370fd90b8bdfe2f8528ca0e8b9e3e0b7c77615c4fb7723aba414afd07',
  'map@1 everything moderate': '1fa4b6293c17acf4a546f900e0db9ed10b599248c0e5f7a4a82094319ddc1dc6',
  'map@1 x any-bits': 'd0589d35db3b9d672932cb8e2c387a44c9c590df6d51d53d84bba5eb8cc7ef4a',
  'montecarlo.european@1 call': '02b859c326a9fbade1aea8ed344fc0f42182928abf7cd8665c2c4e70abaf7c90',
  'montecarlo.european@1 single':
    '8b01ab150bbda071ebd1c3b97534a5462325f8b65f1ac18acb9afef38ed3a108',
  'montecarlo.european@1 put': '31feb1ee0b2f3d925ec4004e8c63a5b07b971791a3d66516116896f1a0f38f01',
  'noop@1 1000': '9264e3274e1c8e27c9be647c4e5b0c9ec5bdbc07e98ed379e4a1852673504ef1',
  'reduce@1 sum 8492 level 1 moderate':
    '36d1eb5badcb088ae3461e3bb6430cf46c68cc0e9e44ca680fb00f40d2edde91',
  'reduce@1 sum 12299 level 2 moderate':
    '28c9ab9b3f9dfd133bf73827946f6f768e108e6c852f5cdbc3c793abca6f1d89',
  'reduce@1 product 700 level 1 unit':
    '11990f8131d6452227b97db2132d87f87adad472ee5f7a6309cef856ff5e5013',
  'reduce@1 min 4196 level 1 moderate':
    '02f8982a15dc578cc263dacd08de52f946ef5126621a5a509ab611033178b2dd',
  'reduce@1 max 100 level 1 any-bits':
    '85e83fb7559ef314169d577ea58acc9acd1640a6bd60e969e11173bf6e5f164c',
  'sha256.search@1 short':
    '38d75fc3865e09fe1da8f7336de4366960efe7d3c991612a7845404d9533894c,a5a7ac6dba36106da67bd6d9449557bc9e9765d8f122d222ffd7d64f64d86298',
  'sha256.search@1 long':
    'e4aa848309ae151bee1fcf04c870e9a644d5c44fae4342e49ecc674d3f58df8b,03092977a78da1b60798ea3e02d59a87df73c6ecff06c8f932b5ed5d1ebc6d4e',
};
