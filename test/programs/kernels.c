// SPDX-License-Identifier: Apache-2.0
//
// Eight things that processors are measured by. `kernels NAME [TIMES]` prints nanoseconds of the monotonic clock, and a checksum.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wasm_simd128.h>

static uint32_t state = 1;
static uint32_t next(void) {
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static uint32_t sha256(void) {
  static uint32_t k[64];
  static uint8_t data[1 << 20];
  for (int i = 0; i < 64; i++) k[i] = next();
  for (int i = 0; i < (int)sizeof data; i++) data[i] = next();
  uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (int round = 0; round < 12; round++)
    for (int at = 0; at < (int)sizeof data; at += 64) {
      uint32_t w[64], v[8];
      for (int i = 0; i < 16; i++)
        w[i] = data[at + 4 * i] << 24 | data[at + 4 * i + 1] << 16 | data[at + 4 * i + 2] << 8 | data[at + 4 * i + 3];
      for (int i = 16; i < 64; i++)
        w[i] = (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10) + w[i - 7] +
               (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 16];
      memcpy(v, h, sizeof v);
      for (int i = 0; i < 64; i++) {
        uint32_t t = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
        uint32_t u = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 28);
        v[4] += t;
        v[0] = t + u;
      }
      for (int i = 0; i < 8; i++) h[i] += v[i];
    }
  return h[0];
}

static uint32_t nbody(void) {
  double p[5][3], v[5][3], m[5];
  for (int i = 0; i < 5; i++) {
    m[i] = i + 1;
    for (int d = 0; d < 3; d++) p[i][d] = i * 3 + d * 1.7, v[i][d] = d * 0.01 - i * 0.003;
  }
  for (int step = 0; step < 1500000; step++) {
    for (int i = 0; i < 5; i++)
      for (int j = i + 1; j < 5; j++) {
        double dx = p[i][0] - p[j][0], dy = p[i][1] - p[j][1], dz = p[i][2] - p[j][2];
        double squared = dx * dx + dy * dy + dz * dz + 0.01;
        double pull = 0.001 / (squared * __builtin_sqrt(squared));
        v[i][0] -= dx * m[j] * pull, v[i][1] -= dy * m[j] * pull, v[i][2] -= dz * m[j] * pull;
        v[j][0] += dx * m[i] * pull, v[j][1] += dy * m[i] * pull, v[j][2] += dz * m[i] * pull;
      }
    for (int i = 0; i < 5; i++)
      for (int d = 0; d < 3; d++) p[i][d] += 0.001 * v[i][d];
  }
  return (uint32_t)(int64_t)(p[0][0] * 1000);
}

static uint32_t matmul(void) {
  enum { n = 384 };
  float *a = malloc(n * n * sizeof *a), *b = malloc(n * n * sizeof *b), *c = calloc(n * n, sizeof *c);
  for (int i = 0; i < n * n; i++) a[i] = i % 7, b[i] = i % 5;
  for (int round = 0; round < 4; round++)
    for (int i = 0; i < n; i++)
      for (int k = 0; k < n; k++) {
        float x = a[i * n + k];
        for (int j = 0; j < n; j++) c[i * n + j] += x * b[k * n + j];
      }
  uint32_t sum = (uint32_t)c[n + 3];
  free(a), free(b), free(c);
  return sum;
}

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static uint32_t sort(void) {
  enum { n = 600000 };
  uint32_t *values = malloc(n * sizeof *values);
  for (int i = 0; i < n; i++) values[i] = next();
  qsort(values, n, sizeof *values, by_value);
  uint32_t middle = values[n / 2];
  free(values);
  return middle;
}

static uint32_t add(uint32_t x) { return x + 0x9e3779b9; }
static uint32_t mix(uint32_t x) { return x * 2654435761u; }
static uint32_t flip(uint32_t x) { return x ^ x >> 15; }
static uint32_t turn(uint32_t x) { return rotate(x, 11); }
static uint32_t (*volatile table[4])(uint32_t) = {add, mix, flip, turn};

static uint32_t indirect(void) {
  uint32_t x = 1;
  for (int i = 0; i < 60000000; i++) x = table[i & 3](x);
  return x;
}

static uint32_t allocate(void) {
  static void *kept[4096];
  uint32_t sum = 0;
  for (int i = 0; i < 3000000; i++) {
    int at = next() & 4095;
    free(kept[at]);
    size_t size = 16 + (next() & 511);
    uint8_t *block = kept[at] = malloc(size);
    block[0] = i;
    sum += block[0];
  }
  return sum;
}

static uint32_t simd(void) {
  enum { n = 1 << 16 };
  static float a[n], b[n];
  for (int i = 0; i < n; i++) a[i] = i & 15, b[i] = i & 7;
  v128_t total = wasm_f32x4_splat(0);
  for (int round = 0; round < 4000; round++)
    for (int i = 0; i < n; i += 16)
      for (int j = 0; j < 16; j += 4)
        total = wasm_f32x4_add(total, wasm_f32x4_mul(wasm_v128_load(a + i + j), wasm_v128_load(b + i + j)));
  return (uint32_t)wasm_f32x4_extract_lane(total, 0);
}

static __attribute__((noinline)) uint32_t fib(uint32_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static uint32_t recursion(void) { return fib(36); }

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    uint32_t (*run)(void);
  } kernels[] = {{"sha256", sha256}, {"nbody", nbody}, {"matmul", matmul}, {"sort", sort},
                 {"indirect", indirect}, {"malloc", allocate}, {"simd", simd}, {"fib", recursion}};
  int times = argc > 2 ? atoi(argv[2]) : 1;
  for (int i = 0; i < 8; i++) {
    if (argc < 2 || strcmp(argv[1], kernels[i].name)) continue;
    for (int round = 0; round < times; round++) {
      struct timespec before, after;
      clock_gettime(CLOCK_MONOTONIC, &before);
      uint32_t sum = kernels[i].run();
      clock_gettime(CLOCK_MONOTONIC, &after);
      printf("%lld %u\n", (after.tv_sec - before.tv_sec) * 1000000000ll + after.tv_nsec - before.tv_nsec, sum);
    }
    return 0;
  }
  return 2;
}
