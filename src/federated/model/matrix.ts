/**
 * The inner loops of local training, behind one interface so that a kernel can take their place.
 * Training is the client's own affair: floats, but in one fixed order, so that the same seed gives
 * the same update on the same engine.
 */
export interface Matrices {
  /** c[m,n] = a[m,k] b[k,n]. */
  multiply(product: Product): void;
  /** c[k,n] += a[m,k]ᵀ b[m,n]: gradients of weights. */
  addTransposedLeft(product: Product): void;
  /** c[m,k] = a[m,n] b[k,n]ᵀ: gradients of inputs. */
  multiplyTransposedRight(product: Product): void;
}

/** Row-major; extents as the method's comment names them. */
export interface Product {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly c: Float32Array;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

export const plainMatrices: Matrices = {
  multiply({ a, b, c, m, n, k }) {
    c.fill(0, 0, m * n);
    for (let i = 0; i < m; i++) {
      for (let p = 0; p < k; p++) {
        const factor = a[i * k + p]!;
        // Inputs of digits are mostly zeros, and hidden units half of the time.
        if (factor === 0) continue;
        for (let j = 0, to = i * n, from = p * n; j < n; j++) c[to + j]! += factor * b[from + j]!;
      }
    }
  },

  addTransposedLeft({ a, b, c, m, n, k }) {
    for (let i = 0; i < m; i++) {
      for (let p = 0; p < k; p++) {
        const factor = a[i * k + p]!;
        if (factor === 0) continue;
        for (let j = 0, to = p * n, from = i * n; j < n; j++) c[to + j]! += factor * b[from + j]!;
      }
    }
  },

  multiplyTransposedRight({ a, b, c, m, n, k }) {
    for (let i = 0; i < m; i++) {
      for (let p = 0; p < k; p++) {
        let sum = 0;
        for (let j = 0; j < n; j++) sum += a[i * n + j]! * b[p * n + j]!;
        c[i * k + p] = sum;
      }
    }
  },
};
