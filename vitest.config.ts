import { defineConfig } from "vitest/config";

const SLOW = ["test/boot/**/*.test.ts", "test/e2e/**/*.test.ts", "test/conformance/**/*.test.ts"];

export default defineConfig({
  test: {
    maxWorkers: 2,
    minWorkers: 1,
    projects: [
      {
        extends: true,
        test: { name: "fast", include: ["test/**/*.test.ts"], exclude: SLOW, testTimeout: 10_000 },
      },
      {
        extends: true,
        test: { name: "slow", include: SLOW, testTimeout: 300_000, hookTimeout: 300_000 },
      },
    ],
  },
});
